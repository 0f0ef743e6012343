/** Names of DNS, from the bytes of a message to text (RFC 1035, RFC 4343). */

/** RFC 1035, 2.3.4: the lengths of all labels, and that of the root, included. */
const MOST_BYTES = 255;
/**
 * Of one message: pointers let a few bytes stand for a long name, again and again. 64 answers with
 * two names of 60 bytes each, and none of them twice.
 */
const MOST_BYTES_IN_ALL = 8192;
const POINTER = 0xc0;
const POINTER_BYTES = 2;

/** What a message says that is none. */
export class MalformedDns extends Error {}

/** A name that has been read, without the length of the root. */
interface Known {
	readonly text: string;
	readonly length: number;
}

/** The names of one message; one at a time. What pointers lead to is read once. */
export class NameReader {
	/** Behind the name. */
	end = 0;
	readonly #message: Uint8Array;
	readonly #known = new Map<number, Known>();
	#left = MOST_BYTES_IN_ALL;

	constructor(message: Uint8Array) {
		this.#message = message;
	}

	/** Finds its end: a name that nobody wants costs no more. Throws MalformedDns. */
	skip(at: number): void {
		let place = at;
		for (;;) {
			const size = byteAt(this.#message, place);
			if (size === 0) break;
			if ((size & POINTER) === POINTER) {
				place++;
				break;
			}
			if ((size & POINTER) !== 0) throw new MalformedDns("a label of an unknown kind");
			place += 1 + size;
			if (place - at > MOST_BYTES) throw new MalformedDns("a name that is too long");
		}
		byteAt(this.#message, place);
		this.end = place + 1;
	}

	/**
	 * In lower case, without a dot at the end; "." for the root. Bytes that are not printable ASCII are
	 * `\DDD`, and dots within labels `\.`.
	 *
	 * @throws MalformedDns
	 */
	read(at: number): string {
		this.skip(at);
		return this.#nameAt(at).text || ".";
	}

	#nameAt(at: number): Known {
		const known = this.#known.get(at);
		if (known !== undefined) return known;
		// Each part ends with a pointer to the next, which stands before it: so there is no circle.
		const parts: { readonly at: number; readonly text: string; readonly length: number }[] = [];
		let name: Known = { text: "", length: 0 };
		for (let place: number | null = at; place !== null; ) {
			const found = this.#known.get(place);
			if (found !== undefined) {
				name = found;
				break;
			}
			const part = this.#labels(place);
			parts.push({ at: place, ...part });
			place = part.target;
		}
		for (const part of parts.reverse()) {
			name = joined(part, name);
			this.#known.set(part.at, name);
		}
		return name;
	}

	/** Those that stand one behind the other. */
	#labels(at: number): Known & { readonly target: number | null } {
		const message = this.#message;
		let [text, length] = ["", 0];
		for (;;) {
			const place = at + length;
			const size = byteAt(message, place);
			if (size === 0) return { text, length, target: null };
			if ((size & POINTER) === POINTER) {
				this.#spend(POINTER_BYTES);
				const target = ((size & ~POINTER) << 8) | byteAt(message, place + 1);
				if (target >= at) throw new MalformedDns("a pointer that leads on");
				return { text, length, target };
			}
			if ((size & POINTER) !== 0) throw new MalformedDns("a label of an unknown kind");
			length += size + 1;
			if (length >= MOST_BYTES || at + length > message.length)
				throw new MalformedDns("a name that is too long");
			this.#spend(size + 1);
			text += (text === "" ? "" : ".") + labelText(message, place + 1, size);
		}
	}

	#spend(bytes: number): void {
		this.#left -= bytes;
		if (this.#left < 0) throw new MalformedDns("names that are too long together");
	}
}

function joined(start: Known, rest: Known): Known {
	const length = start.length + rest.length;
	if (length >= MOST_BYTES) throw new MalformedDns("a name that is too long");
	const dot = start.text === "" || rest.text === "" ? "" : ".";
	return { text: start.text + dot + rest.text, length };
}

function labelText(message: Uint8Array, at: number, size: number): string {
	let text = "";
	for (let index = at; index < at + size; index++) text += CHARACTERS[message[index] ?? 0];
	return text;
}

/** Have a meaning in master files. */
const SPECIAL = new Set([...'"().;@$\\'].map((character) => character.charCodeAt(0)));
/** By byte: a table, as names are read from whatever anybody sends. */
const CHARACTERS = Array.from({ length: 256 }, (_, byte) => characterText(byte));

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
