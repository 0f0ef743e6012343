/** Joins what the kernel says of sockets: once for each file of a socket, and once for itself. */

import { owner, socketInfo } from "../maps/structs.ts";

const AT = {
	...socketInfo.offsets,
	pid: socketInfo.offsets.owner + owner.offsets.pid,
} as const;
const FIRST_BYTES = 64 * 1024;

/** Where the records of one socket are: mostly one, more where several files lead to it. */
type Places = number | readonly number[];

/**
 * Kernel addresses have no more than 57 bits, of which the first is always set, and a socket is
 * aligned to 8 bytes: what is left tells them apart, and is exact in a number.
 */
function keyOf(view: DataView, pointer: number): number {
	const high = view.getUint32(pointer + 4, true) & 0xff_ffff;
	return high * 2 ** 29 + (view.getUint32(pointer, true) >>> 3);
}

export class SocketTable {
	#bytes = new Uint8Array(FIRST_BYTES);
	#view = new DataView(this.#bytes.buffer);
	#end = 0;
	readonly #sockets = new Map<number, Places>();

	/** The records, at the places that sockets() gives. Valid until the next add(). */
	get view(): DataView {
		return this.#view;
	}

	/** Copies what is new of a row of `struct socket_info`. In any order, and more than once. */
	add(records: DataView): void {
		for (let at = 0; at < records.byteLength; at += socketInfo.size) this.#addOne(records, at);
	}

	/** For each socket where its records are: one, or those of its holders, by process id and fd. */
	*sockets(): Generator<readonly number[], void, undefined> {
		for (const places of this.#sockets.values())
			yield typeof places === "number" ? [places] : places.toSorted((a, b) => this.#order(a, b));
	}

	/** A program had a file of a socket, but was not found: it was opened after the scan of files. */
	hasUnclaimed(): boolean {
		return this.#sockets.values().some((places) => {
			if (typeof places !== "number" || this.#pid(places) !== 0) return false;
			if (this.#view.getUint8(places + AT.has_file) === 0) return false;
			const mptcpKey = this.#mptcpKey(places);
			return mptcpKey === null || !this.#sockets.has(mptcpKey);
		});
	}

	/**
	 * Last: the holders of an MPTCP socket become those of each connection that it is made of, and
	 * it is no socket of its own any more.
	 */
	joinMptcp(): void {
		for (const [key, places] of this.#sockets) {
			if (typeof places !== "number") continue;
			const mptcpKey = this.#mptcpKey(places);
			if (mptcpKey === null || mptcpKey === key) continue;
			const holders = this.#sockets.get(mptcpKey);
			if (holders === undefined) continue;
			const all = typeof holders === "number" ? [holders] : holders;
			const held = all.map((holder) => this.#copyFor(places, holder));
			this.#sockets.set(key, held);
		}
		for (const [key, places] of this.#sockets)
			if (this.#mptcpKey(typeof places === "number" ? places : (places[0] ?? 0)) === key)
				this.#sockets.delete(key);
	}

	#addOne(from: DataView, at: number): void {
		const key = keyOf(from, at + AT.sock);
		const known = this.#sockets.get(key);
		const pid = from.getUint32(at + AT.pid, true);
		const first = typeof known === "number" ? known : known?.[0];
		if (first === undefined || known === undefined || !this.#isSame(from, at, first)) {
			// Unknown, or the kernel has given the memory of one that is gone to another.
			this.#sockets.set(key, this.#copy(from, at));
		} else if (pid !== 0) {
			this.#addHolder(from, at, key, typeof known === "number" ? [known] : known);
		}
	}

	#addHolder(from: DataView, at: number, key: number, known: readonly number[]): void {
		const pid = from.getUint32(at + AT.pid, true);
		const fd = from.getUint32(at + AT.fd, true);
		if (known.some((place) => this.#pid(place) === pid && this.#fd(place) === fd)) return;
		const holders = known.filter((place) => this.#pid(place) !== 0);
		const place = this.#copy(from, at);
		this.#sockets.set(key, holders.length === 0 ? place : [...holders, place]);
	}

	#isSame(from: DataView, at: number, place: number): boolean {
		// Both ports at once.
		const offset = AT.local_port;
		return from.getUint32(at + offset, true) === this.#view.getUint32(place + offset, true);
	}

	#copy(from: DataView, at: number): number {
		const place = this.#end;
		const { size } = socketInfo;
		if (place + size > this.#bytes.length) this.#grow();
		this.#bytes.set(new Uint8Array(from.buffer, from.byteOffset + at, size), place);
		this.#end = place + size;
		return place;
	}

	/** The record at `place`, as of another holder. */
	#copyFor(place: number, holder: number): number {
		const copy = this.#copy(this.#view, place);
		const from = holder + AT.owner;
		this.#bytes.copyWithin(copy + AT.owner, from, from + owner.size);
		this.#view.setUint32(copy + AT.fd, this.#fd(holder), true);
		return copy;
	}

	#grow(): void {
		const grown = new Uint8Array(2 * this.#bytes.length);
		grown.set(this.#bytes);
		this.#bytes = grown;
		this.#view = new DataView(grown.buffer);
	}

	#order(a: number, b: number): number {
		return this.#pid(a) - this.#pid(b) || this.#fd(a) - this.#fd(b);
	}

	/** Of the MPTCP socket that it belongs to, or is. */
	#mptcpKey(place: number): number | null {
		const isNone = this.#view.getUint32(place + AT.mptcp_sock + 4, true) === 0;
		return isNone ? null : keyOf(this.#view, place + AT.mptcp_sock);
	}

	#pid(place: number): number {
		return this.#view.getUint32(place + AT.pid, true);
	}

	#fd(place: number): number {
		return this.#view.getUint32(place + AT.fd, true);
	}
}
