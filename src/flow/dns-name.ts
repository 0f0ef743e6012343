/** Names of DNS, from the bytes of a message to text (RFC 1035, RFC 4343). */

/** RFC 1035, 2.3.4: the lengths of all labels, and that of the root, included. */
const MOST_BYTES = 255;
const POINTER = 0xc0;
/** Have a meaning in master files. */
const SPECIAL = new Set([...'"().;@$\\'].map((character) => character.charCodeAt(0)));

/** What a message says that is none. */
export class MalformedDns extends Error {}

/** A name and where it ends; one at a time. */
export class NameReader {
	/** Behind the name. */
	end = 0;

	/**
	 * In lower case, without a dot at the end; "." for the root. Bytes that are not printable ASCII are
	 * `\DDD`, and dots within labels `\.`.
	 *
	 * @throws MalformedDns
	 */
	read(message: Uint8Array, at: number): string {
		let text = "";
		let length = 1;
		let place = at;
		// A pointer leads to what stands before the labels that it ends: so there is no circle.
		let before = at;
		let isBehindPointer = false;
		for (;;) {
			const size = byteAt(message, place);
			if (size === 0) {
				if (!isBehindPointer) this.end = place + 1;
				return text === "" ? "." : text;
			}
			if ((size & POINTER) === POINTER) {
				const target = ((size & ~POINTER) << 8) | byteAt(message, place + 1);
				if (target >= before) throw new MalformedDns("a pointer that leads on");
				if (!isBehindPointer) this.end = place + 2;
				isBehindPointer = true;
				place = target;
				before = target;
				continue;
			}
			if ((size & POINTER) !== 0) throw new MalformedDns("a label of an unknown kind");
			length += size + 1;
			if (length > MOST_BYTES || place + 1 + size > message.length)
				throw new MalformedDns("a name that is too long");
			text += (text === "" ? "" : ".") + labelText(message, place + 1, size);
			place += 1 + size;
		}
	}
}

function labelText(message: Uint8Array, at: number, size: number): string {
	let text = "";
	for (let index = at; index < at + size; index++) text += characterText(message[index] ?? 0);
	return text;
}

function characterText(byte: number): string {
	if (byte >= 0x41 && byte <= 0x5a) return String.fromCharCode(byte + 0x20);
	if (SPECIAL.has(byte)) return `\\${String.fromCharCode(byte)}`;
	return printable(byte);
}

function printable(byte: number): string {
	const isPrintable = byte > 0x20 && byte < 0x7f;
	return isPrintable ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
}

/** A character string of a record's data, in quotes. */
export function quoted(bytes: Uint8Array): string {
	let text = "";
	for (const byte of bytes) {
		if (byte === 0x20) text += " ";
		else if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
		else text += printable(byte);
	}
	return `"${text}"`;
}

/** @throws MalformedDns */
export function byteAt(message: Uint8Array, at: number): number {
	const byte = message[at];
	if (byte === undefined) throw new MalformedDns("a message that ends too early");
	return byte;
}

/** @throws MalformedDns */
export function u16At(message: Uint8Array, at: number): number {
	return (byteAt(message, at) << 8) | byteAt(message, at + 1);
}

/** @throws MalformedDns */
export function u32At(message: Uint8Array, at: number): number {
	return ((u16At(message, at) << 16) | u16At(message, at + 2)) >>> 0;
}
