/** The reading end of a BPF ring buffer, in place (Documentation/bpf/ringbuf.rst). */

import { MappedRegion, pageSize } from "./libc.ts";
import type { BpfMap } from "./map.ts";

/** bpf_ringbuf_hdr: a u32 of length and flags, a u32 of the kernel's own. */
const HEADER_BYTES = 8;
const BUSY = 1 << 31;
const DISCARDED = 1 << 30;
const LENGTH = DISCARDED - 1;

export class RingBuffer implements Disposable {
	/** Where records lie: mapped twice in a row, so that none is cut in two at the end. */
	readonly view: DataView;
	readonly bytes: number;
	readonly #consumer: MappedRegion;
	readonly #producer: MappedRegion;
	readonly #consumed: BigUint64Array<ArrayBuffer>;
	readonly #mask: number;
	readonly #fence = new Int32Array(1);
	#consumedAt = 0;
	#lookedUntil = 0;

	/** SAFETY: the pages live until disposal; the map's fd is not needed after this. */
	constructor(map: BpfMap) {
		const page = pageSize();
		this.bytes = map.maxEntries;
		this.#mask = map.maxEntries - 1;
		this.#consumer = new MappedRegion(map.fd, page, `mmap ${map.name}`);
		try {
			const data = { offset: page, isWritable: false };
			this.#producer = new MappedRegion(map.fd, page + 2 * this.bytes, `mmap ${map.name}`, data);
		} catch (error) {
			this.#consumer.close();
			throw error;
		}
		const memory = this.#producer.memory;
		this.#consumed = new BigUint64Array(this.#consumer.memory, 0, 1);
		this.view = new DataView(memory, page, 2 * this.bytes);
	}

	/** Where the records begin that are still there. */
	get consumedAt(): number {
		return this.#consumedAt;
	}

	/** Behind the last record that look() met, whether it called `take` or not. */
	get lookedUntil(): number {
		return this.#lookedUntil;
	}

	/** Bytes that wait to be read. */
	waiting(): number {
		return this.#producedAt() - this.#consumedAt;
	}

	/**
	 * Calls `take` for each record that is complete, `most` at the most, with its offset in `view` and
	 * the position behind it. They stay there, and come again, until release(). True if that was all
	 * that was reserved when it was called.
	 */
	look(take: (offset: number, end: number) => void, most: number): boolean {
		const produced = this.#producedAt();
		const end = this.#completeUntil(produced, most);
		// What lies in a record is read after the header that says that it is complete.
		Atomics.add(this.#fence, 0, 0);
		for (let at = this.#consumedAt; at < end; ) {
			const header = this.view.getInt32(at & this.#mask, true);
			const offset = (at & this.#mask) + HEADER_BYTES;
			at += sizeOf(header);
			if ((header & DISCARDED) === 0) take(offset, at);
		}
		this.#lookedUntil = end;
		return end === produced;
	}

	/** Gives the room before a position back to the kernel. */
	release(end: number): void {
		this.#consumedAt = end;
		Atomics.store(this.#consumed, 0, BigInt(end));
	}

	#completeUntil(produced: number, most: number): number {
		let at = this.#consumedAt;
		for (let count = 0; at < produced && count < most; count++) {
			const header = this.view.getInt32(at & this.#mask, true);
			if ((header & BUSY) !== 0) break;
			at += sizeOf(header);
		}
		return at;
	}

	/** Not Atomics.load: compiled, that is a compare-and-swap, which read-only memory does not bear. */
	#producedAt(): number {
		const produced = readU64(this.#producer.view);
		Atomics.add(this.#fence, 0, 0);
		return produced;
	}

	[Symbol.dispose](): void {
		this.#producer.close();
		this.#consumer.close();
	}
}

/** With its header, and rounded up. */
function sizeOf(header: number): number {
	return HEADER_BYTES + Math.ceil((header & LENGTH) / 8) * 8;
}

/** A position, which only grows: read anew when its high half has just changed. */
function readU64(view: DataView): number {
	for (;;) {
		const high = view.getUint32(4, true);
		const low = view.getUint32(0, true);
		if (view.getUint32(4, true) === high) return high * 2 ** 32 + low;
	}
}
