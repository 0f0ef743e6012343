/** Text of what stands in many records, made once: without a BigInt, a string or an array for each. */

import { addressText } from "./address.ts";
import { commText } from "./comm.ts";
import type { Family } from "./records.ts";

/** When so many are remembered, all are forgotten. */
const CAPACITY = 4096;

interface Entry {
	/** The words that the text was made of. */
	readonly words: readonly [number, number, number, number];
	readonly text: string | null;
}

/** 16 bytes → text. */
class TextMemo {
	readonly #make: (bytes: Uint8Array) => string | null;
	readonly #entries = new Map<number, Entry>();

	constructor(make: (bytes: Uint8Array) => string | null) {
		this.#make = make;
	}

	text(view: DataView, offset: number): string | null {
		const a = view.getUint32(offset, true);
		const b = view.getUint32(offset + 4, true);
		const c = view.getUint32(offset + 8, true);
		const d = view.getUint32(offset + 12, true);
		const hash = Math.imul(Math.imul(Math.imul(a, 31) + b, 31) + c, 31) + d;
		const known = this.#entries.get(hash);
		if (known !== undefined) {
			const [w, x, y, z] = known.words;
			if (w === a && x === b && y === c && z === d) return known.text;
		}
		if (this.#entries.size >= CAPACITY) this.#entries.clear();
		const text = this.#make(new Uint8Array(view.buffer, view.byteOffset + offset, 16));
		this.#entries.set(hash, { words: [a, b, c, d], text });
		return text;
	}
}

/** ::ffff:0:0/96 as little-endian words. */
const MAPPED_WORD = 0xffff0000;

/** Of one reader of records; `view`s may differ from call to call. */
export class RecordTexts {
	readonly #names = new TextMemo(commText);
	readonly #addresses = new TextMemo(addressText);
	#cgroupLow = 0;
	#cgroupHigh = 0;
	#cgroup: string | null = null;

	family(view: DataView, offset: number): Family {
		return view.getUint32(offset + 8, true) === MAPPED_WORD &&
			view.getUint32(offset + 4, true) === 0 &&
			view.getUint32(offset, true) === 0
			? "ipv4"
			: "ipv6";
	}

	address(view: DataView, offset: number): string {
		return this.#addresses.text(view, offset) ?? "";
	}

	process(view: DataView, offset: number): string | null {
		return this.#names.text(view, offset);
	}

	/** A 64-bit id in decimal; null for 0. Records of one cgroup mostly come in a row. */
	cgroup(view: DataView, offset: number): string | null {
		const low = view.getUint32(offset, true);
		const high = view.getUint32(offset + 4, true);
		if (low !== this.#cgroupLow || high !== this.#cgroupHigh) {
			this.#cgroupLow = low;
			this.#cgroupHigh = high;
			const id = view.getBigUint64(offset, true);
			this.#cgroup = id === 0n ? null : String(id);
		}
		return this.#cgroup;
	}
}
