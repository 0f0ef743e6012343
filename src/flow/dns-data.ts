/** The data of a DNS record as text, as master files have it (RFC 1035, 5.1). */

import { record as codecOf } from "dns-packet";
import types from "dns-packet/types.js";
import { addressText } from "./address.ts";
import { MalformedDns, type NameReader, quoted, u16At, u32At } from "./dns-name.ts";

/** Newer than the library's table. */
const TYPES = new Map([
	[64, "SVCB"],
	[65, "HTTPS"],
]);
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** `A`, `AAAA`, …; `TYPE65280` where there is no name (RFC 3597). */
export function typeName(type: number): string {
	const known = TYPES.get(type) ?? types.toString(type);
	return known.startsWith("UNKNOWN_") ? `TYPE${type}` : known;
}

/**
 * Of a type without a form of its own here: `\# length hexadecimal` (RFC 3597).
 *
 * @param names of the message, which the data may point to
 * @throws MalformedDns
 */
export function dataText(
	message: Uint8Array,
	names: NameReader,
	{ type, at, end }: { readonly type: string; readonly at: number; readonly end: number },
): string {
	if (end > message.length) throw new MalformedDns("data that ends behind its message");
	// Nothing of what follows belongs to it.
	const own = message.subarray(0, end);
	const form = FORMS[type];
	return form === undefined ? hexadecimal(own.subarray(at)) : form(own, at, names);
}

type Form = (message: Uint8Array, at: number, names: NameReader) => string;

const FORMS: Readonly<Record<string, Form | undefined>> = {
	A(message, at) {
		return addressText(sized(Uint8Array.of(...MAPPED_PREFIX, ...message.subarray(at)), 16));
	},
	AAAA: (message, at) => addressText(sized(message.subarray(at), 16)),
	...{ CNAME: nameText, DNAME: nameText, NS: nameText, PTR: nameText },
	MX: (message, at, names) => `${u16At(message, at)} ${nameText(message, at + 2, names)}`,
	SRV(message, at, names) {
		const numbers = [0, 2, 4].map((offset) => u16At(message, at + offset));
		return [...numbers, nameText(message, at + 6, names)].join(" ");
	},
	SOA(message, at, names) {
		const both = [nameText(message, at, names), nameText(message, names.end, names)];
		const numbers = [0, 4, 8, 12, 16].map((offset) => u32At(message, names.end + offset));
		return [...both, ...numbers].join(" ");
	},
	TXT: (message, at) => decoded<readonly Uint8Array[]>("TXT", message, at).map(quoted).join(" "),
	CAA(message, at) {
		const { flags, tag, value } = decoded<Caa>("CAA", message, at);
		return `${flags} ${quoted(Buffer.from(tag)).slice(1, -1)} ${quoted(Buffer.from(value))}`;
	},
	DS(message, at) {
		const { keyTag, algorithm, digestType, digest } = decoded<Ds>("DS", message, at);
		return `${keyTag} ${algorithm} ${digestType} ${digest.toString("hex")}`;
	},
};

interface Caa {
	readonly flags: number;
	readonly tag: string;
	readonly value: string;
}

interface Ds {
	readonly keyTag: number;
	readonly algorithm: number;
	readonly digestType: number;
	readonly digest: Buffer;
}

/** That ends where `message` does, or before. */
function nameText(message: Uint8Array, at: number, names: NameReader): string {
	const text = names.read(at);
	if (names.end > message.length) throw new MalformedDns("a name that ends behind its data");
	return text;
}

/** By the library, whose errors say that the data is malformed. It takes data with its length in front. */
function decoded<Data>(type: string, message: Uint8Array, at: number): Data {
	try {
		const { buffer, byteOffset, length } = message;
		return codecOf(type).decode(Buffer.from(buffer, byteOffset, length), at - 2) as Data;
	} catch (error) {
		throw new MalformedDns(`data of ${type}`, { cause: error });
	}
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
	if (bytes.length !== length) throw new MalformedDns("an address of another length");
	return bytes;
}

function hexadecimal(bytes: Uint8Array): string {
	return `\\# ${bytes.length} ${Buffer.from(bytes).toString("hex")}`.trimEnd();
}
