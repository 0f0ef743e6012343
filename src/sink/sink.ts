/** The way out: a sink turns records into text, an output takes the text. */

import type { DnsBatch } from "../flow/dns-records.ts";
import type { EventSlice } from "../flow/event-slice.ts";
import type { AccountingBatch, FlowBatch, ReadyRecord, SummaryRecord } from "../flow/records.ts";

/** Standard output, or what a test puts in its place. Writes are synchronous and complete. */
export interface Output {
	write(text: string | Uint8Array): void;
	readonly isTerminal: boolean;
	/** Nobody reads any more, and what is written is dropped. */
	readonly isClosed?: boolean;
	/** Whether a write would have to wait for a reader. */
	wouldBlock?(): boolean;
	/** Size in characters; asked anew for each frame, as windows change. */
	columns(): number;
	rows(): number;
}

/** What every run has, whatever it shows. */
export interface RunSink {
	ready(record: ReadyRecord): void;
	summary(record: SummaryRecord): void;
	/** Leaves the terminal as it was. Called once, on every way out. */
	close(): void;
}

export interface Sink extends RunSink {
	flows(batch: FlowBatch): void;
}

export interface EventSink extends RunSink {
	events(slice: EventSlice): void;
}

export interface AccountingSink extends RunSink {
	accounts(batch: AccountingBatch): void;
}

export interface DnsSink extends RunSink {
	questions(batch: DnsBatch): void;
}
