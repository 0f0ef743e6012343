/** Events as server-sent events: one history for all readers, each with its own place in it. */

import { RecordHistory } from "../flow/record-history.ts";
import type { EventBatch, EventRecord, GapRecord, ReadyRecord } from "../flow/records.ts";
import { eventJson } from "../sink/event-json.ts";
import { safeJson } from "../sink/text.ts";
import { nowIso } from "../trace/clock.ts";

/** What one reader wants to see. */
export type EventTest = (event: EventRecord) => boolean;

export interface EventFeedOptions {
	/** Records that are kept for those that are slow, or come again. */
	readonly mostRecords: number;
	readonly mostReaders: number;
	/** Without a reader for so long nothing is kept, until the next one comes. */
	readonly keepMs: number;
	/** In silence something is sent so often: who is gone is noticed, and proxies stay awake. */
	readonly aliveMs: number;
}

export const EVENT_FEED: EventFeedOptions = {
	mostRecords: 32_768,
	mostReaders: 64,
	keepMs: 120_000,
	aliveMs: 10_000,
};

/** So many are read at one time, and then it is others' turn. */
const MOST_AT_ONCE = 256;
const HINT = "read faster, or ask for less";

const encoder = new TextEncoder();

export class EventFeed {
	readonly #ready: ReadyRecord;
	readonly #options: EventFeedOptions;
	readonly #history: RecordHistory<EventRecord | GapRecord>;
	/** Stands in every id: places of another run mean nothing here. */
	readonly #run = crypto.randomUUID().slice(0, 8);
	readonly #sleeping = new Set<() => void>();
	#readers = 0;
	/** Null while somebody reads, and where nobody ever has. */
	#unreadSince: number | null = null;

	constructor(ready: ReadyRecord, options: EventFeedOptions = EVENT_FEED) {
		this.#ready = ready;
		this.#options = options;
		this.#history = new RecordHistory(options.mostRecords);
	}

	/** That read now. */
	get readers(): number {
		return this.#readers;
	}

	/** What has happened. */
	take({ events, gaps }: EventBatch): void {
		if (!this.#isKept()) return;
		for (const event of events) this.#history.add(event);
		for (const gap of gaps) this.#history.add(gap);
		for (const wake of this.#sleeping) wake();
	}

	/**
	 * @param lastId of the event that this reader has seen last; null: it begins with what comes now
	 * @returns null where no more readers find room
	 */
	open(isWanted: EventTest, lastId: string | null): ReadableStream<Uint8Array> | null {
		if (this.#readers >= this.#options.mostReaders) return null;
		this.#readers++;
		this.#unreadSince = null;
		const gone = new AbortController();
		const parts = this.#parts(isWanted, this.#placeAfter(lastId), gone.signal);
		return new ReadableStream<Uint8Array>({
			async pull(controller) {
				const { value, done } = await parts.next();
				if (done) controller.close();
				else controller.enqueue(encoder.encode(value));
			},
			cancel: () => {
				gone.abort();
				this.#readers--;
				if (this.#readers === 0) this.#unreadSince = performance.now();
			},
		});
	}

	/** Where nobody has read for long what was kept is dropped. */
	#isKept(): boolean {
		if (this.#readers > 0) return true;
		if (this.#unreadSince === null) return false;
		if (performance.now() - this.#unreadSince < this.#options.keepMs) return true;
		this.#history.dropBefore(this.#history.next);
		this.#unreadSince = null;
		return false;
	}

	#placeAfter(lastId: string | null): number {
		const [, run, place = ""] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(lastId ?? "") ?? [];
		if (run !== this.#run) return this.#history.next;
		return Math.min(Number(place) + 1, this.#history.next);
	}

	async *#parts(
		isWanted: EventTest,
		start: number,
		gone: AbortSignal,
	): AsyncGenerator<string, void, undefined> {
		let place = start;
		let readAt = nowIso();
		yield message("ready", null, JSON.stringify(this.#ready));
		while (!gone.aborted) {
			const { entries, missed, next } = this.#history.read(place, MOST_AT_ONCE);
			let text = "";
			if (missed > 0) text += gapMessage(readAt, missed);
			for (const { place: at, record } of entries)
				if (record.type === "gap") text += message("gap", this.#id(at), JSON.stringify(record));
				else if (isWanted(record)) text += message("event", this.#id(at), eventJson(record));
			const isNew = next > place;
			place = next;
			readAt = nowIso();
			if (text !== "") yield text;
			else if (!isNew && !(await this.#more(gone))) yield ": nothing new\n\n";
		}
	}

	#id(place: number): string {
		return `${this.#run}-${place}`;
	}

	/** Whether there is more before it is time for a sign of life. */
	#more(gone: AbortSignal): Promise<boolean> {
		return new Promise((resolve) => {
			const done = (isMore: boolean): void => {
				clearTimeout(timer);
				this.#sleeping.delete(wake);
				gone.removeEventListener("abort", wake);
				resolve(isMore);
			};
			const wake = (): void => done(true);
			const timer = setTimeout(() => done(false), this.#options.aliveMs);
			this.#sleeping.add(wake);
			gone.addEventListener("abort", wake);
		});
	}
}

function gapMessage(from: string, count: number): string {
	const gap: GapRecord = { type: "gap", from, to: nowIso(), stage: "queue", count, hint: HINT };
	return message("gap", null, JSON.stringify(gap));
}

/** JSON has no line breaks, so that one line of data is all of it. */
const message = (event: string, id: string | null, json: string): string =>
	`event: ${event}\n${id === null ? "" : `id: ${id}\n`}data: ${safeJson(json)}\n\n`;
