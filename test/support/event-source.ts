/** A reader of server-sent events, as the service sends them. */

import type { EventRecord, GapRecord, ReadyRecord } from "../../src/flow/records.ts";
import { until } from "./until.ts";

const WAIT_MS = 30_000;

export interface SentEvent {
	readonly id: string | null;
	readonly data: ReadyRecord | EventRecord | GapRecord;
}

export class EventSource implements AsyncDisposable {
	/** In the order in which they came. */
	readonly all: SentEvent[] = [];
	readonly #gone = new AbortController();
	readonly #done: Promise<void>;

	private constructor(response: Response, gone: AbortController) {
		this.#gone = gone;
		this.#done = this.#read(response.body ?? new ReadableStream());
	}

	/** Comes back when what happens next will be heard. */
	static async open(
		ask: (path: string, init: RequestInit) => Promise<Response>,
		path: string,
		lastId?: string,
	): Promise<EventSource> {
		const gone = new AbortController();
		const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
		const response = await ask(path, { headers, signal: gone.signal });
		if (response.status !== 200) throw new Error(await response.text());
		const source = new EventSource(response, gone);
		await source.until("a first message", () => source.all.length > 0);
		return source;
	}

	get events(): readonly EventRecord[] {
		return this.all.flatMap(({ data }) => (data.type === "event" ? [data] : []));
	}

	get gaps(): readonly GapRecord[] {
		return this.all.flatMap(({ data }) => (data.type === "gap" ? [data] : []));
	}

	/** @throws when it is not so in time */
	async until(what: string, isSo: () => boolean, withinMs = WAIT_MS): Promise<void> {
		const soFar = (): string =>
			`${this.all.length} messages, ${this.events.length} events, ${this.gaps.length} gaps`;
		await until(what, isSo, { withinMs, soFar });
	}

	/** Waits until so many events have come. */
	async untilEvents(count: number): Promise<void> {
		await this.until(`${count} events`, () => this.events.length >= count);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#gone.abort();
		await this.#done;
	}

	async #read(body: ReadableStream<Uint8Array>): Promise<void> {
		const decoder = new TextDecoder();
		let text = "";
		try {
			for await (const part of body) {
				text += decoder.decode(part, { stream: true });
				const messages = text.split("\n\n");
				text = messages.pop() ?? "";
				for (const message of messages) if (!message.startsWith(":")) this.all.push(parse(message));
			}
		} catch (error) {
			if (!this.#gone.signal.aborted) throw error;
		}
	}
}

function parse(message: string): SentEvent {
	const field = (name: string): string | null =>
		new RegExp(`^${name}: (.*)$`, "m").exec(message)?.[1] ?? null;
	return { id: field("id"), data: JSON.parse(field("data") ?? "null") };
}
