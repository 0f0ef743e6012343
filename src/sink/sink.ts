/** The way out: a sink turns records into text, an output takes the text. */

import type { FlowBatch, ReadyRecord, SummaryRecord } from "../flow/records.ts";

/** Standard output, or what a test puts in its place. Writes are synchronous and complete. */
export interface Output {
	write(text: string): void;
	readonly isTerminal: boolean;
	/** Size in characters; asked anew for each frame, as windows change. */
	columns(): number;
	rows(): number;
}

export interface Sink {
	ready(record: ReadyRecord): void;
	flows(batch: FlowBatch): void;
	summary(record: SummaryRecord): void;
	/** Leaves the terminal as it was. Called once, on every way out. */
	close(): void;
}
