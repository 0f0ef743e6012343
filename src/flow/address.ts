/** Addresses: from the kernel's 16 bytes to text, and the CIDR ranges that filters are made of. */

import ipaddr from "ipaddr.js";
import { UsageError } from "../errors.ts";
import type { Family } from "./records.ts";

/** A range of addresses of one family. */
export interface Cidr {
	readonly family: Family;
	contains(address: string): boolean;
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
	const [address = "", prefix, ...more] = text.split("/");
	const parsed = parseAddress(address);
	if (parsed === null || more.length > 0) {
		throw badCidr(text, option, "is not an IP address or a CIDR range");
	}
	const isMapped = parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress();
	const family = parsed instanceof ipaddr.IPv6 ? "ipv6" : "ipv4";
	const bits = parsePrefix(prefix, BITS[family]);
	if (bits === null) {
		throw badCidr(text, option, `needs a prefix length from 0 to ${BITS[family]}`);
	}
	if (!isMapped) return range(parsed, bits);
	if (bits < MAPPED_PREFIX_BITS) {
		throw badCidr(text, option, "mixes IPv4 and IPv6: an IPv4-mapped range is /96 to /128");
	}
	return range(parsed.toIPv4Address(), bits - MAPPED_PREFIX_BITS);
}

function range(base: ipaddr.IPv4 | ipaddr.IPv6, bits: number): Cidr {
	if (base instanceof ipaddr.IPv4) {
		return {
			family: "ipv4",
			contains: (address) =>
				ipaddr.IPv4.isValid(address) && ipaddr.IPv4.parse(address).match(base, bits),
		};
	}
	return {
		family: "ipv6",
		contains: (address) =>
			ipaddr.IPv6.isValid(address) && ipaddr.IPv6.parse(address).match(base, bits),
	};
}

/** Null unless it is a whole address: ipaddr.js alone takes "1.2.3", "0x7f.1" and zones as well. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
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

function badCidr(text: string, option: string, why: string): UsageError {
	return new UsageError(
		`${option} ${JSON.stringify(text)} ${why}`,
		`for example: ${option} 10.0.0.0/8, ${option} 2001:db8::1, or ${option} '!127.0.0.0/8'`,
	);
}
