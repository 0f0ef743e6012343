/** Addresses: from the kernel's 16 bytes to text, and the CIDR ranges that filters are made of. */

import ipaddr from "ipaddr.js";
import { UsageError } from "../errors.ts";
import type { Family } from "./records.ts";

/** An address, read once for many ranges. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A range of addresses of one family. */
export interface Cidr {
	readonly family: Family;
	/** Of the prefix: 0 to 32, or 128. */
	readonly bits: number;
	/** Equal to prefixOf() of each address in it, with its bits. */
	readonly prefix: string | number;
	contains(address: Address): boolean;
}

const MAPPED_PREFIX_BITS = 96;
const BITS: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };
const FOUR_BYTES_AT_END = /(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** `bytes`: 16, in network byte order, IPv4 as IPv4-mapped IPv6. */
export function familyOf(bytes: Uint8Array): Family {
	for (let i = 0; i < 10; i++) {
		if (bytes[i] !== 0) return "ipv6";
	}
	return bytes[10] === 0xff && bytes[11] === 0xff ? "ipv4" : "ipv6";
}

/**
 * RFC 5952 text of 16 bytes in network byte order. IPv4-mapped addresses become IPv4; every other
 * address is plain hexadecimal groups, as `ss` and inet_ntop's users expect of 64:ff9b::/96.
 */
export function addressText(bytes: Uint8Array): string {
	if (familyOf(bytes) === "ipv4") return bytes.subarray(12, 16).join(".");
	return ipaddr.IPv6.parse(groups(bytes).join(":")).toRFC5952String();
}

function groups(bytes: Uint8Array): string[] {
	const found: string[] = [];
	for (let i = 0; i < 16; i += 2) {
		found.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
	}
	return found;
}

/**
 * An address or a CIDR range; a bare address is a range of one. Host bits may be set. IPv4-mapped
 * ranges are IPv4 ranges.
 *
 * @param option the option that it comes from, for the error ("--remote")
 * @throws UsageError
 */
export function parseCidr(text: string, option: string): Cidr {
	const range = readCidr(text);
	if (typeof range !== "string") return range;
	throw new UsageError(
		`${option} ${JSON.stringify(text)} ${range}`,
		`for example: ${option} 10.0.0.0/8, ${option} 2001:db8::1, or ${option} '!127.0.0.0/8'`,
	);
}

/** The same, or what is wrong with it: "is not an IP address or a CIDR range". */
export function readCidr(text: string): Cidr | string {
	const [address = "", prefix, ...more] = text.split("/");
	const parsed = parseAddress(address);
	if (parsed === null || more.length > 0) return "is not an IP address or a CIDR range";
	const isMapped = parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress();
	const family = parsed instanceof ipaddr.IPv6 ? "ipv6" : "ipv4";
	const bits = parsePrefix(prefix, BITS[family]);
	if (bits === null) return `needs a prefix length from 0 to ${BITS[family]}`;
	if (!isMapped) return rangeOf(parsed, family, bits);
	if (bits < MAPPED_PREFIX_BITS) {
		return "mixes IPv4 and IPv6: an IPv4-mapped range is /96 to /128";
	}
	return rangeOf(parsed.toIPv4Address(), "ipv4", bits - MAPPED_PREFIX_BITS);
}

/** For `contains`; null for no address, and for a text that is none. */
export function readAddress(text: string | null): Address | null {
	if (text === null) return null;
	try {
		return text.includes(":") ? ipaddr.IPv6.parse(text) : ipaddr.IPv4.parse(text);
	} catch {
		return null;
	}
}

/** 16 bytes in network byte order, IPv4 as IPv4-mapped IPv6; null for what is no address. */
export function addressBytes(text: string | null): Uint8Array | null {
	const address = readAddress(text);
	if (address === null) return null;
	const mapped = address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;
	return Uint8Array.from(mapped.toByteArray());
}

export const familyOfAddress = (address: Address): Family =>
	address instanceof ipaddr.IPv4 ? "ipv4" : "ipv6";

/** The first `bits` of an address, to compare with those of others of its family. */
export function prefixOf(address: Address, bits: number): string | number {
	if (address instanceof ipaddr.IPv4) {
		const [a = 0, b = 0, c = 0, d = 0] = address.octets;
		// A shift by 32 would be one by 0.
		return bits === 0 ? 0 : (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) >>> (32 - bits);
	}
	const whole = bits >> 4;
	const rest = (address.parts[whole] ?? 0) >> (16 - (bits & 15));
	let prefix = String(rest);
	for (let at = 0; at < whole; at++) prefix += `:${address.parts[at] ?? 0}`;
	return prefix;
}

function rangeOf(base: Address, family: Family, bits: number): Cidr {
	const isIPv4 = base instanceof ipaddr.IPv4;
	return {
		family,
		bits,
		prefix: prefixOf(base, bits),
		// match() throws where the families differ.
		contains: (address) => address instanceof ipaddr.IPv4 === isIPv4 && address.match(base, bits),
	};
}

/** Null unless it is a whole address: ipaddr.js alone takes "1.2.3", "0x7f.1" and zones as well. */
function parseAddress(text: string): Address | null {
	if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
	if (!text.includes(":") || text.includes("%")) return null;
	if (!ipaddr.IPv6.isValid(text)) return null;
	// ipaddr.js 2.5 reads ::1.2.3.4 as ::ffff:1.2.3.4.
	const plain = text.replace(FOUR_BYTES_AT_END, (_, a, b, c, d) => {
		const pair = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
		return `${pair(a, b)}:${pair(c, d)}`;
	});
	return ipaddr.IPv6.parse(plain);
}

function parsePrefix(text: string | undefined, bits: number): number | null {
	if (text === undefined) return bits;
	if (!/^\d{1,3}$/.test(text)) return null;
	const value = Number(text);
	return value <= bits ? value : null;
}
