/** What the commands have in common that show records as they come. */

import type { FilterOptions } from "../flow/filter.ts";
import type { GapRecord, ReadyRecord, SummaryRecord } from "../flow/records.ts";
import type { Context } from "./command.ts";
import type { Values } from "./option.ts";
import type { durationOption, filterOptions, otherOptions } from "./option-groups.ts";
import { EXIT_DONE, EXIT_LOST } from "./report-error.ts";

interface RecordBatch<R> {
	readonly records: readonly R[];
	readonly gaps: readonly GapRecord[];
}

/** What such a command needs of a tracer. */
export interface RecordSource<R> extends Disposable {
	readonly ready: ReadyRecord;
	batches(signal: AbortSignal): AsyncIterable<RecordBatch<R>>;
	summary(): SummaryRecord;
}

/** And of a sink. */
interface Shown<R> {
	ready(record: ReadyRecord): void;
	readonly show: (batch: RecordBatch<R>) => void;
	summary(record: SummaryRecord): void;
}

type RunValues = Values<typeof durationOption> &
	Pick<Values<typeof otherOptions>, "strict"> & { readonly count: number | null };

/**
 * Shows records until there are `count`, the time is over or the run is to end; then the summary.
 *
 * @param rights that the tracer needs all the time
 * @returns the exit code
 */
export async function showRecords<R>(
	tracer: RecordSource<R>,
	sink: Shown<R>,
	{ count, duration, strict }: RunValues,
	{ signal, giveUpRights }: Context,
	rights: Parameters<NonNullable<Context["giveUpRights"]>>[0],
): Promise<number> {
	const end = duration === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration)]);
	let left = count ?? Number.POSITIVE_INFINITY;
	sink.ready(tracer.ready);
	giveUpRights?.(rights);
	for await (const { records, gaps } of tracer.batches(end)) {
		sink.show({ records: records.slice(0, left), gaps });
		left -= records.length;
		if (left <= 0) break;
	}
	const summary = tracer.summary();
	sink.summary(summary);
	const isLossless = Object.values(summary.lost).every((lost) => lost === 0);
	return strict && !isLossless ? EXIT_LOST : EXIT_DONE;
}

type WhoseValues = Pick<
	Values<typeof filterOptions>,
	"pid" | "process" | "uid" | "cgroup" | "container"
>;

/** Whose sockets, for what does not know them by itself. */
export const whoseOf = (values: WhoseValues): Partial<FilterOptions> => ({
	...{ pids: values.pid, processes: values.process, uids: values.uid },
	...{ cgroupIds: values.cgroup, containers: values.container },
});
