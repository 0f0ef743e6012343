/** Text that is put together as bytes, four at a time: without a string for each record. */

/** A piece of text, made once and written often. */
export interface Segment {
	/** Little-endian; the last one is padded with zeros. */
	readonly words: Uint32Array;
	/** In bytes. */
	readonly length: number;
}

const encoder = new TextEncoder();

export function segment(text: string): Segment {
	const bytes = encoder.encode(text);
	const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
	padded.set(bytes);
	return { words: new Uint32Array(padded.buffer), length: bytes.length };
}

/** The four decimal digits of 0 to 9999, with zeros in front, as a little-endian word. */
const DIGITS = Uint32Array.from({ length: 10_000 }, (_, number) => {
	const text = String(number).padStart(4, "0");
	return segment(text).words[0] ?? 0;
});

const ZERO = 0x30;
const POINT = 0x2e;
const MINUS = 0x2d;
/** More than any number takes, and the words that stand out behind a segment. */
const SLACK = 64;

export class ByteWriter {
	#bytes: Uint8Array<ArrayBuffer>;
	#view: DataView;
	#at = 0;

	constructor(capacity: number) {
		this.#bytes = new Uint8Array(capacity);
		this.#view = new DataView(this.#bytes.buffer);
	}

	/** Room for so many more bytes, and some numbers. */
	reserve(bytes: number): void {
		const needed = this.#at + bytes + SLACK;
		if (needed <= this.#bytes.length) return;
		const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
		larger.set(this.#bytes.subarray(0, this.#at));
		this.#bytes = larger;
		this.#view = new DataView(larger.buffer);
	}

	/** What was written since the last call; to be used before the next write. */
	take(): Uint8Array {
		const written = this.#bytes.subarray(0, this.#at);
		this.#at = 0;
		return written;
	}

	put({ words, length }: Segment): void {
		const view = this.#view;
		let at = this.#at;
		for (let i = 0; i < words.length; i++) {
			view.setUint32(at, words[i] ?? 0, true);
			at += 4;
		}
		this.#at += length;
	}

	/** @param value an integer from 0 to 2^53 */
	number(value: number): void {
		if (value < 10_000) {
			this.#leading(value);
		} else if (value < 100_000_000) {
			const high = Math.floor(value / 10_000);
			this.#leading(high);
			this.#four(value - high * 10_000);
		} else {
			const high = Math.floor(value / 100_000_000);
			this.number(high);
			this.#eight(value - high * 100_000_000);
		}
	}

	/** Nine digits, with zeros in front. */
	nine(value: number): void {
		const high = Math.floor(value / 100_000_000);
		this.#view.setUint8(this.#at++, ZERO + high);
		this.#eight(value - high * 100_000_000);
	}

	/** `value / 1000`, exactly; the value is an integer from -2^53 to 2^53. */
	thousandths(value: number): void {
		const amount = this.#sign(value);
		const whole = Math.floor(amount / 1000);
		this.number(whole);
		this.#fraction(amount - whole * 1000, 3);
	}

	/** The same for `value / 1000000`. */
	millionths(value: number): void {
		const amount = this.#sign(value);
		const whole = Math.floor(amount / 1_000_000);
		this.number(whole);
		this.#fraction(amount - whole * 1_000_000, 6);
	}

	#sign(value: number): number {
		if (value < 0) this.#view.setUint8(this.#at++, MINUS);
		return Math.abs(value);
	}

	/** @param digits at most 8 */
	#fraction(value: number, digits: number): void {
		if (value === 0) return;
		const start = this.#at;
		this.#eight(value);
		// The digits that count are the last ones of eight.
		const first = start + 8 - digits;
		let end = start + 8;
		while (this.#bytes[end - 1] === ZERO) end--;
		this.#bytes.copyWithin(start + 1, first, end);
		this.#view.setUint8(start, POINT);
		this.#at = start + 1 + end - first;
	}

	/** Without zeros in front. */
	#leading(value: number): void {
		const count = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4;
		this.#view.setUint32(this.#at, (DIGITS[value] ?? 0) >>> (8 * (4 - count)), true);
		this.#at += count;
	}

	#four(value: number): void {
		this.#view.setUint32(this.#at, DIGITS[value] ?? 0, true);
		this.#at += 4;
	}

	#eight(value: number): void {
		const high = Math.floor(value / 10_000);
		this.#four(high);
		this.#four(value - high * 10_000);
	}
}
