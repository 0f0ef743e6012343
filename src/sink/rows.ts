/** What table and CSV have in common: rows of flows go out, everything else is text for people. */

import type { FlowBatch, FlowRecord } from "../flow/records.ts";
import type { RowOrder } from "./column-options.ts";
import type { Column } from "./columns.ts";

export interface RowOptions {
	readonly columns: readonly Column[];
	/** Null: as they come. */
	readonly order: RowOrder | null;
	readonly header: boolean;
}

export interface RowWriter {
	flows(batch: FlowBatch): void;
	/** Whether it has a place for the gaps of a batch, too. */
	readonly showsGaps: boolean;
}

export function ordered(
	flows: readonly FlowRecord[],
	order: RowOrder | null,
): readonly FlowRecord[] {
	return order === null ? flows : flows.toSorted(order);
}
