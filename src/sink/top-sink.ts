/** Processes or connections by throughput; on a terminal, keys change what is shown and how. */

import { withRates } from "../flow/activity.ts";
import { processTotals } from "../flow/process-totals.ts";
import type { FlowBatch, FlowRecord, ProcessRecord, Rates } from "../flow/records.ts";
import { createRowSink, type RowSinkOptions } from "./create.ts";
import { type ActiveRow, columnsOf, hasColumn, orderOf, type RowKind } from "./row-kind.ts";
import { ordered, type RowBatch, tellPeople } from "./rows.ts";
import { Screen, wholeLine } from "./screen.ts";
import type { Output, RunSink, Sink } from "./sink.ts";
import { addLosses, frame, type Lost, type TableView } from "./table.ts";
import { keyLine, sortOfKey } from "./top-keys.ts";
import { connectionKind, processKind } from "./top-kinds.ts";

export type TopBy = "process" | "connection";

export interface TopOptions extends RowSinkOptions {
	readonly by: TopBy;
}

/** Sorted in all formats. @throws UsageError for a column that does not exist */
export function createTopSink(options: TopOptions, stdout: Output, stderr: Output): Sink {
	return options.by === "process"
		? topSink(processKind(options.names), processRows, options, [stdout, stderr])
		: topSink(connectionKind(options.names), connectionRows, options, [stdout, stderr]);
}

function topSink<Row extends ActiveRow>(
	kind: RowKind<Row>,
	rowsOf: (batch: FlowBatch) => RowBatch<Row>,
	options: TopOptions,
	outputs: readonly [stdout: Output, stderr: Output],
): Sink {
	const sink = createRowSink(kind, options, ...outputs);
	const order = orderOf(kind, options.sort);
	return {
		...sink,
		flows(batch) {
			const shown = rowsOf(batch);
			sink.batch({ ...shown, rows: ordered(shown.rows, order) });
		},
	};
}

function processRows(batch: FlowBatch) {
	return { ...batch, rows: processTotals(batch) };
}

function connectionRows(batch: FlowBatch) {
	return { ...batch, rows: batch.flows.map(withRates) };
}

/** A table on a terminal that keys change. The flows of its batches are single connections. */
export class TopScreen implements Sink {
	readonly #options: TopOptions;
	readonly #screen: Screen;
	readonly #people: RunSink;
	readonly #processes: RowKind<ProcessRecord>;
	readonly #connections: RowKind<FlowRecord & Rates>;
	readonly #lost: Lost = new Map();
	#by: TopBy;
	#sort: string | null;
	#last: FlowBatch | null = null;

	/** @throws UsageError for a column that does not exist */
	constructor(options: TopOptions, stdout: Output, stderr: Output) {
		this.#options = options;
		this.#screen = new Screen(options, stdout);
		this.#people = tellPeople(stderr);
		this.#by = options.by;
		this.#sort = options.sort;
		this.#processes = processKind(options.names);
		this.#connections = connectionKind(options.names);
		const { columns, sort } = options;
		if (options.by === "process") viewOf(this.#processes, options, columns, sort);
		else viewOf(this.#connections, options, columns, sort);
	}

	ready: Sink["ready"] = (record) => this.#people.ready(record);
	summary: Sink["summary"] = (record) => this.#people.summary(record);
	close(): void {}

	flows(batch: FlowBatch): void {
		addLosses(this.#lost, batch.gaps);
		this.#last = batch;
		this.#draw();
	}

	/** Draws anew at once, where the key has a meaning. */
	press(key: string): void {
		const sort = sortOfKey(key);
		if (key === "p") this.#by = this.#by === "process" ? "connection" : "process";
		else if (sort !== null) this.#sort = sort;
		else return;
		this.#draw();
	}

	#draw(): void {
		if (this.#last === null) return;
		if (this.#by === "process") this.#show(this.#processes, processRows(this.#last));
		else this.#show(this.#connections, connectionRows(this.#last));
	}

	/** What was asked for may not be there in the other view. */
	#show<Row extends ActiveRow>(kind: RowKind<Row>, batch: RowBatch<Row>): void {
		const known = this.#options.columns?.filter((name) => hasColumn(kind, name)) ?? [];
		const sort = this.#sort !== null && hasColumn(kind, this.#sort) ? this.#sort : null;
		const view = viewOf(kind, this.#options, known.length === 0 ? null : known, sort);
		const size = this.#screen.size();
		const keys = wholeLine(keyLine(this.#by, sort, size.columns), null);
		this.#screen.draw(frame(view, batch, { lost: this.#lost, keys, size }), size);
	}
}

function viewOf<Row extends ActiveRow>(
	kind: RowKind<Row>,
	{ header, wide }: TopOptions,
	columns: readonly string[] | null,
	sort: string | null,
): TableView<Row> {
	return {
		kind,
		columns: columnsOf(kind, columns, "terminal", wide),
		order: orderOf(kind, sort),
		header,
		wide,
	};
}
