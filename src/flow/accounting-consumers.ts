/** Several readers of one account of flows, each at its own pace. */

import type { AccountingBatch, AccountingRecord, GapRecord } from "./records.ts";

/** What a reader wants of an account. */
export interface ConsumerOptions {
	/** Which records it is given. Default: both. */
	readonly events: readonly AccountingRecord["event"][];
	/** Records that wait for it at most, 1 or more. Default 65,536. */
	readonly capacity: number;
}

/** How a reader keeps up. */
export interface ConsumerStats {
	readonly received: number;
	/** Found no room, and are in a gap (`queue`) of its next batch. */
	readonly lost: Readonly<Record<AccountingRecord["event"], number>>;
	/** Now. */
	readonly waiting: number;
}

const DEFAULTS: ConsumerOptions = { events: ["update", "destroy"], capacity: 65_536 };

/** One reader: `for await (const { records, gaps } of consumer)`, until it is removed, or all is over. */
export class AccountingConsumer implements AsyncIterable<AccountingBatch> {
	readonly name: string;
	readonly #options: ConsumerOptions;
	#records: AccountingRecord[] = [];
	#gaps: GapRecord[] = [];
	#received = 0;
	readonly #lost = { update: 0, destroy: 0 };
	/** Of `lost`, those that no gap has told of yet, and since when. */
	#untold: { readonly from: string; to: string; count: number } | null = null;
	#isClosed = false;
	#wake: (() => void) | null = null;

	/** @internal */
	constructor(name: string, options: ConsumerOptions) {
		this.name = name;
		this.#options = options;
	}

	get stats(): ConsumerStats {
		return { received: this.#received, lost: { ...this.#lost }, waiting: this.#records.length };
	}

	/** @internal Never waits: what finds no room is counted. */
	give({ records, gaps }: AccountingBatch): void {
		const { events, capacity } = this.#options;
		for (const record of records) {
			if (!events.includes(record.event)) continue;
			if (this.#records.length < capacity) this.#records.push(record);
			else this.#lose(record);
		}
		for (const gap of gaps) this.#gaps.push(gap);
		this.#wake?.();
	}

	/** @internal What waits can still be read. */
	close(): void {
		this.#isClosed = true;
		this.#wake?.();
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<AccountingBatch, void, undefined> {
		for (;;) {
			const batch = this.#take();
			if (batch !== null) yield batch;
			else if (this.#isClosed) return;
			else await this.#more();
		}
	}

	#lose({ event, time }: AccountingRecord): void {
		this.#lost[event]++;
		this.#untold ??= { from: time, to: time, count: 0 };
		this.#untold.to = time;
		this.#untold.count++;
	}

	#take(): AccountingBatch | null {
		const gaps = this.#gaps;
		if (this.#untold !== null) {
			const hint = "read faster, or raise the capacity";
			gaps.push({ type: "gap", ...this.#untold, stage: "queue", hint });
		}
		const records = this.#records;
		if (records.length + gaps.length === 0) return null;
		this.#received += records.length;
		[this.#records, this.#gaps, this.#untold] = [[], [], null];
		return { records, gaps };
	}

	#more(): Promise<void> {
		return new Promise((resolve) => {
			this.#wake = resolve;
		});
	}
}

/**
 * ```ts
 * const consumers = new AccountingConsumers();
 * const bill = consumers.add("bill", { events: ["destroy"] });
 * const fed = consumers.feed(tracer.batches(signal));
 * for await (const { records, gaps } of bill) …
 * await fed;
 * ```
 */
export class AccountingConsumers {
	readonly #all = new Map<string, AccountingConsumer>();
	#isOver = false;

	/**
	 * It is given what comes from now on.
	 *
	 * @throws Error where there is one of this name; RangeError for a capacity
	 */
	add(name: string, partial: Partial<ConsumerOptions> = {}): AccountingConsumer {
		const options = { ...DEFAULTS, ...partial };
		if (this.#all.has(name)) throw new Error(`there is a consumer "${name}" already`);
		if (!Number.isInteger(options.capacity) || options.capacity < 1)
			throw new RangeError(`capacity: ${options.capacity} is not 1 or more`);
		const consumer = new AccountingConsumer(name, options);
		this.#all.set(name, consumer);
		if (this.#isOver) consumer.close();
		return consumer;
	}

	/** Null: there is none of this name. */
	get(name: string): AccountingConsumer | null {
		return this.#all.get(name) ?? null;
	}

	/** Its loop ends when it has read what waits. */
	remove(name: string): void {
		this.#all.get(name)?.close();
		this.#all.delete(name);
	}

	/** Gives each batch to all; when there is none more, or an error, their loops end. */
	async feed(batches: AsyncIterable<AccountingBatch>): Promise<void> {
		try {
			for await (const batch of batches) for (const one of this.#all.values()) one.give(batch);
		} finally {
			this.#isOver = true;
			for (const one of this.#all.values()) one.close();
		}
	}
}
