/** Messages of DNS over TCP: each has its length in front of it, and comes in one or several segments (RFC 7766). */

import type { IpPacket } from "../maps/ip-packet.ts";

/** What it keeps at one time. */
const MOST_STREAMS = 4096;
/** Of one direction of a connection: a message, its length, and what has overtaken it. */
const MOST_BYTES = 2 * 65_538;
/** Of all: none of ours is that large, but others may send anything. */
const MOST_BYTES_IN_ALL = 16 * 2 ** 20;
const MOST_EARLY = 32;
const LENGTH_BYTES = 2;
/** No message is shorter than its header. */
const LEAST_MESSAGE = 12;

interface Early {
	readonly sequence: number;
	readonly bytes: Uint8Array;
}

/** One direction of a connection. */
interface Stream {
	/** Of the next byte that is wanted. */
	next: number;
	/** The beginning of a message, in its first `filled` bytes; twice as long as before where it must be longer. */
	parts: Uint8Array;
	filled: number;
	/** Segments that have overtaken others. */
	early: Early[];
}

/** Puts messages together. What cannot be is counted. */
export class TcpMessages {
	readonly #onMessage: (message: Uint8Array) => void;
	/** By the ends of their connections. The one that was idle for longest comes first. */
	readonly #streams = new Map<string, Stream>();
	#bytes = 0;
	#lost = 0;
	#dropped = 0;

	/** @param onMessage whose bytes are there until it comes back */
	constructor(onMessage: (message: Uint8Array) => void) {
		this.#onMessage = onMessage;
	}

	/** Bytes that it keeps now. */
	get bytes(): number {
		return this.#bytes;
	}

	get size(): number {
		return this.#streams.size;
	}

	/** Messages of which a part never came, since the last call; or what came was none. */
	takeLost(): number {
		const lost = this.#lost;
		this.#lost = 0;
		return lost;
	}

	/** Beginnings of messages that had to make room for others, since the last call. */
	takeDropped(): number {
		const dropped = this.#dropped;
		this.#dropped = 0;
		return dropped;
	}

	/** @param key of this direction of the connection */
	add(key: string, packet: Pick<IpPacket, "sequence" | "isSyn" | "isEnd" | "payload">): void {
		const { sequence, isSyn, isEnd, payload } = packet;
		if (isSyn) this.#forget(key);
		const first = isSyn ? (sequence + 1) >>> 0 : sequence;
		// A connection from before the start: a segment begins with a message, mostly.
		const known = this.#streams.get(key);
		if (known === undefined && payload.length === 0 && (!isSyn || isEnd)) return;
		const stream = known ?? { next: first, parts: EMPTY, filled: 0, early: [] };
		this.#streams.delete(key);
		this.#streams.set(key, stream);
		const before = bytesOf(stream);
		if (payload.length > 0) this.#append(stream, first, payload);
		this.#bytes += bytesOf(stream) - before;
		if (isEnd) this.#forget(key);
		this.#makeRoom();
	}

	#append(stream: Stream, sequence: number, payload: Uint8Array): void {
		const ahead = (sequence - stream.next) | 0;
		if (ahead > 0) {
			this.#keepEarly(stream, { sequence, bytes: payload.slice() });
			return;
		}
		// What is sent again has been read.
		this.#read(stream, payload.subarray(Math.min(-ahead, payload.length)));
		this.#takeEarly(stream);
	}

	#keepEarly(stream: Stream, early: Early): void {
		const isFull =
			stream.early.length >= MOST_EARLY || bytesOf(stream) + early.bytes.length > MOST_BYTES;
		if (!isFull) {
			stream.early.push(early);
			stream.early.sort((a, b) => (a.sequence - b.sequence) | 0);
			return;
		}
		// What is missing will not come any more: it was not captured. It goes on with what came after.
		this.#lost++;
		const rest = stream.early.length > 0 ? stream.early : [early];
		stream.filled = 0;
		stream.next = rest[0]?.sequence ?? early.sequence;
		this.#takeEarly(stream);
		this.#append(stream, early.sequence, early.bytes);
	}

	#takeEarly(stream: Stream): void {
		for (;;) {
			const first = stream.early[0];
			if (first === undefined) return;
			const ahead = (first.sequence - stream.next) | 0;
			if (ahead > 0) return;
			stream.early.shift();
			this.#read(stream, first.bytes.subarray(Math.min(-ahead, first.bytes.length)));
		}
	}

	/** @param payload that comes next */
	#read(stream: Stream, payload: Uint8Array): void {
		if (payload.length === 0) return;
		stream.next = (stream.next + payload.length) >>> 0;
		const bytes = stream.filled === 0 ? payload : appended(stream, payload);
		let at = 0;
		while (bytes.length - at >= LENGTH_BYTES) {
			const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
			if (length < LEAST_MESSAGE) {
				// Not the beginning of a message: the next segment may have one.
				this.#lost++;
				at = bytes.length;
				break;
			}
			const end = at + LENGTH_BYTES + length;
			if (end > bytes.length) break;
			this.#onMessage(bytes.subarray(at + LENGTH_BYTES, end));
			at = end;
		}
		keep(stream, bytes.subarray(at));
	}

	#forget(key: string): void {
		const stream = this.#streams.get(key);
		if (stream === undefined) return;
		this.#bytes -= bytesOf(stream);
		if (bytesOf(stream) > 0) this.#lost++;
		this.#streams.delete(key);
	}

	#makeRoom(): void {
		for (const [key, stream] of this.#streams) {
			if (this.#streams.size <= MOST_STREAMS && this.#bytes <= MOST_BYTES_IN_ALL) return;
			const bytes = bytesOf(stream);
			this.#bytes -= bytes;
			if (bytes > 0) this.#dropped++;
			this.#streams.delete(key);
		}
	}
}

const EMPTY = new Uint8Array(0);

/** @returns what has come of the message, with `payload` behind it */
function appended(stream: Stream, payload: Uint8Array): Uint8Array {
	const { filled, parts } = stream;
	const length = filled + payload.length;
	if (length > parts.length) {
		stream.parts = new Uint8Array(Math.max(length, 2 * parts.length));
		stream.parts.set(parts.subarray(0, filled));
	}
	stream.parts.set(payload, filled);
	return stream.parts.subarray(0, length);
}

/** @param rest which may lie in the parts themselves */
function keep(stream: Stream, rest: Uint8Array): void {
	stream.filled = rest.length;
	if (rest.length === 0) stream.parts = EMPTY;
	else if (rest.buffer !== stream.parts.buffer) stream.parts = rest.slice();
	else if (rest.byteOffset !== stream.parts.byteOffset) stream.parts = rest.slice();
}

function bytesOf({ parts, early }: Stream): number {
	return early.reduce((sum, { bytes }) => sum + bytes.length, parts.length);
}
