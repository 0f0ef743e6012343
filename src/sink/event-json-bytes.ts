/**
 * Events as lines of JSON, from where they lie: what eventJson() makes of their records, byte by
 * byte, without the records.
 */

import type { ClockHistory } from "../flow/clock-history.ts";
import type { EventNames, RawEvents } from "../flow/event-decoder.ts";
import {
	bytesAt,
	closeReasonName,
	directionName,
	eventName,
	tcpStateName,
} from "../flow/kernel-names.ts";
import { WallClock } from "../flow/wall-clock.ts";
import { readU64 } from "../maps/codec.ts";
import { DIRECTION, EVENT_TYPE } from "../maps/enums.ts";
import { event } from "../maps/structs.ts";
import { ByteWriter, type Segment, segment } from "./byte-writer.ts";
import { EventJsonTexts } from "./event-json-texts.ts";

const at = event.offsets;
const NULL = segment("null");
const NEW_BYTES = 1 << 20;
/** More than a line takes besides what its process is called. */
const LINE_BYTES = 2048;

/** Everything between two values that may differ. */
const KEY = {
	time: segment('{"type":"event","time":"'),
	event: segment('Z","event":"'),
	id: segment('","id":"'),
	localPort: segment(',"local_port":'),
	remotePort: segment(',"remote_port":'),
	opened: segment(',"opened":'),
	quote: segment('"'),
	endOfTime: segment('Z"'),
	preexisting: segment(',"preexisting":true,"duration_ms":'),
	notPreexisting: segment(',"preexisting":false,"duration_ms":'),
	bytesSent: segment(',"bytes_sent":'),
	bytesReceived: segment(',"bytes_received":'),
	segmentsSent: segment(',"segments_sent":'),
	segmentsReceived: segment(',"segments_received":'),
	segmentsRetransmitted: segment(',"segments_retransmitted":'),
	rtt: segment(',"rtt_us":'),
	rttVar: segment(',"rtt_var_us":'),
	rttMin: segment(',"rtt_min_us":'),
	latency: segment(',"connect_latency_us":'),
	unnamed: segment(',"nat":null,"remote_name":null,"cpu":'),
} as const;

/** Text that depends on a small number, made when it is first asked for. */
class Numbered {
	readonly #make: (number: number) => string;
	readonly #segments: Segment[] = [];

	constructor(make: (number: number) => string) {
		this.#make = make;
	}

	of(number: number): Segment {
		const known = this.#segments[number];
		if (known !== undefined) return known;
		const made = segment(this.#make(number));
		this.#segments[number] = made;
		return made;
	}
}

/** The seconds of a clock, as a segment. */
class Seconds {
	readonly #clock: WallClock;
	#prefix = "";
	#segment = segment("");

	constructor(clock: WallClock) {
		this.#clock = clock;
	}

	write(to: ByteWriter, since: number): void {
		const ns = this.#clock.set(since);
		if (this.#clock.prefix !== this.#prefix) {
			this.#prefix = this.#clock.prefix;
			this.#segment = segment(this.#prefix);
		}
		to.put(this.#segment);
		to.nine(ns);
	}
}

export class EventJsonBytes {
	readonly #to = new ByteWriter(NEW_BYTES);
	readonly #texts: EventJsonTexts;
	readonly #clocks: ClockHistory;
	readonly #time: Seconds;
	readonly #opened: Seconds;
	/** Of the event that is being written: from its latency to its CPU. */
	#behind = KEY.unnamed;
	readonly #event = new Numbered(eventName);
	readonly #end: Numbered;
	readonly #state = new Numbered(
		(both) =>
			`,"direction":${JSON.stringify(directionName(both >>> 8))},"state":"${tcpStateName(both & 255)}","local_address":`,
	);

	constructor(names: EventNames) {
		this.#texts = new EventJsonTexts(names);
		this.#clocks = names.clocks;
		this.#time = new Seconds(new WallClock(names.clocks));
		this.#opened = new Seconds(new WallClock(names.clocks));
		this.#end = new Numbered((both) => {
			const error = both >>> 8;
			const [name, reason] = [error === 0 ? null : names.errnoName(error), both & 255];
			return `,"error":${JSON.stringify(name)},"close_reason":${JSON.stringify(closeReasonName(reason))}}\n`;
		});
	}

	/** One line each; the bytes are there until the next call. */
	lines({ view, offsets, count, refined, remoteNames }: RawEvents): Uint8Array {
		this.#texts.begin();
		for (let index = 0; index < count; index++) {
			const at = offsets[index] ?? 0;
			const name = remoteNames.size === 0 ? undefined : remoteNames.get(index);
			this.#behind = name === undefined ? KEY.unnamed : this.#texts.named(name);
			const better = refined.size === 0 ? undefined : refined.get(index);
			if (better === undefined) this.#line(view, at, this.#texts.owner(view, at));
			else if (typeof better === "number")
				this.#line(view, at, this.#texts.owner(view, offsets[better] ?? 0));
			else this.#line(view, at, this.#texts.ownerOf(better, view, at));
		}
		return this.#to.take();
	}

	#line(view: DataView, o: number, owner: Segment): void {
		const to = this.#to;
		to.reserve(LINE_BYTES + owner.length + this.#behind.length);
		const type = view.getUint8(o + at.type);
		const time = this.#clocks.since(view, o + at.time_ns);
		const opened = this.#clocks.since(view, o + at.opened_ns);
		const isOpenedKnown = readU64(view, o + at.opened_ns) !== 0;
		to.put(KEY.time);
		this.#time.write(to, time);
		to.put(KEY.event);
		to.put(this.#event.of(type));
		to.put(KEY.id);
		to.number(readU64(view, o + at.id));
		this.#ends(view, o, type);
		to.put(owner);
		to.put(KEY.opened);
		if (!isOpenedKnown) to.put(NULL);
		else {
			to.put(KEY.quote);
			this.#opened.write(to, opened);
			to.put(KEY.endOfTime);
		}
		to.put(view.getUint8(o + at.preexisting) === 0 ? KEY.notPreexisting : KEY.preexisting);
		if (isOpenedKnown && (type === EVENT_TYPE.EVENT_CLOSE || type === EVENT_TYPE.EVENT_UNLISTEN))
			to.millionths(this.#clocks.durationNs(opened, time));
		else to.put(NULL);
		this.#counters(view, o);
		this.#latency(view, o);
		to.put(this.#behind);
		to.number(view.getUint16(o + at.cpu, true));
		const error = view.getUint32(o + at.error, true);
		to.put(this.#end.of((error << 8) | view.getUint8(o + at.close_reason)));
	}

	#ends(view: DataView, o: number, type: number): void {
		const to = this.#to;
		const isListener = type === EVENT_TYPE.EVENT_LISTEN || type === EVENT_TYPE.EVENT_UNLISTEN;
		const [local, remote] = [o + at.local_address, o + at.remote_address];
		to.put(this.#texts.family(view, isListener ? local : remote));
		const direction = view.getUint8(o + at.direction);
		to.put(this.#state.of((direction << 8) | view.getUint8(o + at.state)));
		to.put(this.#texts.address(view, local));
		to.put(KEY.localPort);
		to.number(view.getUint16(o + at.local_port, true));
		to.put(isListener ? this.#texts.noAddress : this.#texts.remoteAddress(view, remote));
		to.put(KEY.remotePort);
		if (isListener) to.put(NULL);
		else to.number(view.getUint16(o + at.remote_port, true));
	}

	#bytes(view: DataView, at: number): void {
		const bytes = bytesAt(view, at);
		if (bytes === null) this.#to.put(NULL);
		else this.#to.number(bytes);
	}

	#counters(view: DataView, o: number): void {
		const to = this.#to;
		to.put(KEY.bytesSent);
		this.#bytes(view, o + at.bytes_sent);
		to.put(KEY.bytesReceived);
		this.#bytes(view, o + at.bytes_received);
		to.put(KEY.segmentsSent);
		to.number(view.getUint32(o + at.segments_sent, true));
		to.put(KEY.segmentsReceived);
		to.number(view.getUint32(o + at.segments_received, true));
		to.put(KEY.segmentsRetransmitted);
		to.number(view.getUint32(o + at.segments_retransmitted, true));
		const isMeasured = view.getUint32(o + at.rtt_us, true) !== 0;
		this.#measured(KEY.rtt, view, o + at.rtt_us, isMeasured);
		this.#measured(KEY.rttVar, view, o + at.rtt_var_us, isMeasured);
		this.#measured(KEY.rttMin, view, o + at.rtt_min_us, isMeasured);
	}

	#measured(key: Segment, view: DataView, offset: number, isMeasured: boolean): void {
		this.#to.put(key);
		if (isMeasured) this.#to.number(view.getUint32(offset, true));
		else this.#to.put(NULL);
	}

	#latency(view: DataView, o: number): void {
		const areKnown =
			readU64(view, o + at.opened_ns) !== 0 && readU64(view, o + at.established_ns) !== 0;
		const isActive = view.getUint8(o + at.direction) === DIRECTION.DIRECTION_ACTIVE;
		this.#to.put(KEY.latency);
		if (!isActive || !areKnown) this.#to.put(NULL);
		else {
			const opened = this.#clocks.since(view, o + at.opened_ns);
			const established = this.#clocks.since(view, o + at.established_ns);
			this.#to.thousandths(this.#clocks.durationNs(opened, established));
		}
	}
}
