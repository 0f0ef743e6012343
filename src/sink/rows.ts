/** What table and CSV have in common: rows of flows go out, everything else is text for people. */

import type { FlowBatch, FlowRecord, GapRecord } from "../flow/records.ts";
import type { RowOrder } from "./column-options.ts";
import type { Column } from "./columns.ts";

export interface RowOptions {
	readonly columns: readonly Column[];
	/** Null: as they come. */
	readonly order: RowOrder | null;
	readonly header: boolean;
}

export interface RowWriter {
	/** With the gaps of the batch, where `gap` is not null. */
	flows(batch: FlowBatch): void;
	/** Null where standard output has no place for what was lost. */
	readonly gap: ((record: GapRecord) => void) | null;
}

export function ordered(
	flows: readonly FlowRecord[],
	order: RowOrder | null,
): readonly FlowRecord[] {
	return order === null ? flows : flows.toSorted(order);
}
