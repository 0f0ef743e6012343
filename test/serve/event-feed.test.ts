import { describe, expect, test } from "bun:test";
import type { EventRecord, GapRecord, ReadyRecord } from "../../src/flow/records.ts";
import { EVENT_FEED, EventFeed, type EventFeedOptions } from "../../src/serve/event-feed.ts";
import { until } from "../support/until.ts";

const READY: ReadyRecord = {
	...{ type: "ready", time: "t", version: "1", kernel: "6.1", libbpf: null, hooks: {} },
	...{ programs: [], open_connections: 0 },
};
const GAP: GapRecord = {
	...{ type: "gap", from: "f", to: "t", stage: "ring_buffer", count: 3, hint: null },
};

function event(id: number, process = "curl"): EventRecord {
	return {
		...{ type: "event", time: "t", cpu: 0, event: "close", id: String(id), transport: "tcp" },
		...{ family: "ipv4", direction: "active", state: "CLOSE", local_address: "10.0.0.1" },
		...{ local_port: 1, remote_address: "10.0.0.2", remote_port: 2, pid: 7, tid: 7, process },
		...{ executable: null, command_line: null, uid: 0, netns: 1, cgroup_id: null },
		...{ container_id: null, attribution: "task", opened: null, preexisting: false },
		...{ duration_ms: null, bytes_sent: 0, bytes_received: 0, segments_sent: 0 },
		...{ segments_received: 0, segments_retransmitted: 0, rtt_us: null, rtt_var_us: null },
		...{ rtt_min_us: null, connect_latency_us: null, nat: null, remote_name: null },
		...{ error: null, close_reason: "local" },
	};
}

interface Message {
	readonly event: string;
	readonly id: string | null;
	readonly data: { readonly type: string; readonly id?: string; readonly count?: number };
}

/** As a browser reads it. */
class Reader {
	readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
	readonly #messages: Message[] = [];
	#text = "";
	silences = 0;

	constructor(stream: ReadableStream<Uint8Array> | null) {
		if (stream === null) throw new Error("there is no room");
		this.#reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
	}

	async next(): Promise<Message> {
		for (;;) {
			const message = this.#messages.shift();
			if (message !== undefined) return message;
			const { value, done } = await this.#reader.read();
			if (done) throw new Error("the stream has ended");
			this.#text += new TextDecoder().decode(value);
			const parts = this.#text.split("\n\n");
			this.#text = parts.pop() ?? "";
			for (const part of parts)
				if (part.startsWith(":")) this.silences++;
				else this.#messages.push(messageOf(part));
		}
	}

	/** Ids of so many events that come next. */
	async ids(count: number): Promise<string[]> {
		const ids: string[] = [];
		while (ids.length < count) ids.push((await this.next()).data.id ?? "none");
		return ids;
	}

	leave(): Promise<void> {
		return this.#reader.cancel();
	}
}

function messageOf(part: string): Message {
	const fields = new Map(
		part.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]),
	);
	return {
		...{ event: fields.get("event") ?? "", id: fields.get("id") ?? null },
		data: JSON.parse(fields.get("data") ?? ""),
	};
}

const feedOf = (options: Partial<EventFeedOptions> = {}): EventFeed =>
	new EventFeed(READY, { ...EVENT_FEED, ...options });
const all = (): boolean => true;

async function begun(feed: EventFeed, lastId: string | null = null, test = all): Promise<Reader> {
	const reader = new Reader(feed.open(test, lastId));
	expect((await reader.next()).data).toEqual(READY as object as Message["data"]);
	return reader;
}

const take = (feed: EventFeed, ...ids: number[]): void =>
	feed.take({ events: ids.map((id) => event(id)), gaps: [] });

/** It has seen the first of `before`, and left; `after` came then. */
async function begunAgain(
	feed: EventFeed,
	before: readonly number[],
	after: readonly number[],
): Promise<Reader> {
	const reader = await begun(feed);
	take(feed, ...before);
	const { id } = await reader.next();
	await reader.leave();
	take(feed, ...after);
	return await begun(feed, id);
}

test("each reader hears what comes from now on, events and gaps", async () => {
	const feed = feedOf();
	take(feed, 1);
	const first = await begun(feed);
	take(feed, 2);
	expect(await first.ids(1)).toEqual(["2"]);
	const second = await begun(feed);
	feed.take({ events: [event(3)], gaps: [GAP] });
	for (const reader of [first, second]) {
		expect(await reader.next()).toMatchObject({ event: "event", data: { type: "event", id: "3" } });
		expect(await reader.next()).toMatchObject({ event: "gap", data: GAP });
	}
});

test("it hears what it has asked for, and every gap", async () => {
	const feed = feedOf();
	const reader = await begun(
		feed,
		null,
		((record: EventRecord) => record.process === "wget") as typeof all,
	);
	feed.take({ events: [event(1), event(2, "wget")], gaps: [GAP] });
	expect(await reader.ids(1)).toEqual(["2"]);
	expect((await reader.next()).event).toBe("gap");
});

describe("who comes again", () => {
	test("goes on behind what it has seen last", async () => {
		const feed = feedOf();
		const again = await begunAgain(feed, [1, 2], [3]);
		expect(await again.ids(2)).toEqual(["2", "3"]);
	});

	test("is told how much of it is not there any more", async () => {
		const feed = feedOf({ mostRecords: 2 });
		const again = await begunAgain(feed, [1], [2, 3, 4, 5]);
		expect(await again.next()).toMatchObject({ event: "gap", data: { stage: "queue", count: 2 } });
		expect(await again.ids(2)).toEqual(["4", "5"]);
	});

	test("with an id of another run, or of none, begins with what comes", async () => {
		const feed = feedOf();
		for (const id of ["", "x", "01234567-0", "01234567-99999999999999999999"]) {
			const reader = await begun(feed, id);
			take(feed, 1);
			expect(await reader.ids(1)).toEqual(["1"]);
		}
	});

	test("after nobody has read for long finds a gap, and no more is kept meanwhile", async () => {
		const feed = feedOf({ keepMs: 0 });
		const again = await begunAgain(feed, [1, 2], [3]);
		expect(await again.next()).toMatchObject({ event: "gap", data: { count: 1 } });
	});
});

describe("bounds", () => {
	test("who does not read costs what is kept for all, and is told what it has missed", async () => {
		const feed = feedOf({ mostRecords: 100 });
		const slow = await begun(feed);
		const fast = await begun(feed);
		let heard = 0;
		for (let id = 0; id < 10_000; id++) {
			take(feed, id);
			if (id % 50 === 49) heard += (await fast.ids(50)).length;
		}
		expect(heard).toBe(10_000);
		let [missed, read] = [0, 0];
		while (missed + read < 10_000) {
			const { data } = await slow.next();
			if (data.type === "gap") missed += data.count ?? 0;
			else read++;
		}
		expect(missed + read).toBe(10_000);
		expect(missed).toBeGreaterThanOrEqual(9000);
	});

	test("readers that find no room are refused, until others are gone", async () => {
		const feed = feedOf({ mostReaders: 1 });
		const reader = await begun(feed);
		expect(feed.open(all, null)).toBeNull();
		expect(feed.readers).toBe(1);
		await reader.leave();
		expect(feed.readers).toBe(0);
		await begun(feed);
	});

	test("in silence there is a sign of life", async () => {
		const feed = feedOf({ aliveMs: 1 });
		const reader = await begun(feed);
		const next = reader.next();
		const patience = { withinMs: 4000, everyMs: 1 };
		await until("three signs of life", () => reader.silences >= 3, patience);
		take(feed, 1);
		expect((await next).data.id).toBe("1");
	});
});

test("names from outside break no line and reach no terminal", async () => {
	const feed = feedOf();
	const reader = await begun(feed);
	const process = "evil\n\ndata: x\r\u001b[31m\u2028";
	feed.take({ events: [event(1, process)], gaps: [] });
	expect((await reader.next()).data).toMatchObject({ process } as object);
});
