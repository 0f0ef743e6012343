/** A running account of conntrack's flows: each network namespace is read by time, none wakes us up. */

import { kernelRelease } from "../enrich/procfs.ts";
import { type AccountingFilter, matchesAccount } from "../flow/accounting-filter.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { DEFAULT_RATE, type RatePoint } from "../flow/rate-curve.ts";
import type {
	AccountingBatch,
	AccountingRecord,
	GapRecord,
	ReadyRecord,
	SummaryRecord,
} from "../flow/records.ts";
import { VERSION } from "../version.ts";
import { BorrowedSysctls } from "./borrowed-sysctls.ts";
import { checkBufferBytes, checkRange, ENTRIES } from "./check-range.ts";
import { nowIso } from "./clock.ts";
import { requireConntrack } from "./conntrack-features.ts";
import { openConntrackHooks } from "./conntrack-way.ts";
import { ACCT, FollowedNamespaces } from "./followed-namespaces.ts";
import { nothingLost } from "./followed-netns.ts";
import { CONNTRACK_EVENTS } from "./netlink-news.ts";
import { OwnCost } from "./own-cost.ts";
import { OwnerLook } from "./owner-look.ts";
import type { SessionOptions } from "./session-options.ts";
import { pause } from "./ticks.ts";

/** What an account can be told. */
export interface AccountingTracerOptions
	extends Pick<SessionOptions, "hooks" | "btfPath" | "libbpfPath"> {
	/** How often a flow is reported, by its age. */
	readonly rate: readonly RatePoint[];
	/** Of compileAccountingFilter(). Default null: all flows. */
	readonly filter: AccountingFilter | null;
	/** Of compileFilter(): whose sockets, as far as it says `pids`, `processes`, `uids`, `cgroupIds`, `containers`. Default null: all flows, also those that are nobody's here. */
	readonly whose: FlowFilter | null;
	/** Flows that are followed at one time, in each network namespace. */
	readonly maxFlows: number;
	/**
	 * Of the kernel, for what has not been read yet: a power of two, and at least a page. Default null:
	 * 64 MiB for each network namespace, which is taken as it is needed; with hooks 16 MiB for all.
	 */
	readonly bufferBytes: number | null;
	/** Count, and keep the beginning of each flow, where that is off; both as before at the end. Default false. */
	readonly sysctls: boolean;
	/** Reported as ours. */
	readonly version: string;
}

const DEFAULTS: AccountingTracerOptions = {
	rate: DEFAULT_RATE,
	filter: null,
	whose: null,
	maxFlows: 262_144,
	bufferBytes: null,
	sysctls: false,
	hooks: "auto",
	btfPath: null,
	libbpfPath: null,
	version: VERSION,
};

const RING_BYTES = 16 * 2 ** 20;
/** Between two looks for what has begun and ended. */
const PAUSE_MS = 50;
/** Records that wait until it is known whose they are. */
const MOST_WAITING = 65_536;
/** Between two dumps, at least; and so that dumps take no more than a twentieth of the time. */
const DUMP_MS = 1000;
const DUMP_SHARE = 20;
/** Between two looks for namespaces that are new, or gone. */
const SCAN_MS = 2000;

const STAGES = ["queue", "flow_table", "connection_end", "conntrack_table"] as const;
const HINTS = {
	queue: "raise --buffer",
	flow_table: "raise --max-flows",
	conntrack_table: "raise sysctl net.netfilter.nf_conntrack_max",
	connection_end: "the kernel did not tell; their counters are those of a second before",
} as const;

/**
 * The flows that conntrack follows, with what they moved: their first packet, what they have moved
 * since, on a rate curve, and their end. Without rights for BPF it does not know whose they are.
 */
export class AccountingTracer implements Disposable, AsyncDisposable {
	readonly ready: ReadyRecord;
	/** What will be missing in the records, for people. */
	readonly warnings: readonly string[];
	readonly #options: AccountingTracerOptions;
	readonly #namespaces: FollowedNamespaces;
	readonly #owned = new DisposableStack();
	readonly #owners: OwnerLook;
	/** Of what is being read. */
	#records: AccountingRecord[] = [];
	/** Until it is known whose they are. */
	#waiting: AccountingRecord[] = [];
	readonly #closing = new AbortController();
	readonly #lost = nothingLost();
	readonly #cost = new OwnCost();
	#since = nowIso();
	#scannedAt = performance.now();
	#dumpAt = performance.now() + DUMP_MS;

	private constructor(options: AccountingTracerOptions) {
		this.#options = options;
		try {
			const sysctls = options.sysctls ? this.#owned.use(BorrowedSysctls.open()) : null;
			if (sysctls === null) BorrowedSysctls.putBackOfTheDead();
			requireConntrack();
			const { kind, hooks } = openConntrackHooks(options, options.bufferBytes ?? RING_BYTES);
			if (hooks !== null) this.#owned.use(hooks);
			const with_ = { hooks, sysctls, take: this.#take };
			this.#namespaces = this.#owned.use(new FollowedNamespaces(options, with_));
			const off = this.#namespaces.scan();
			this.#owners = this.#owned.use(OwnerLook.open(options));
			const owned = this.#owners.ready;
			this.warnings = [
				...warning(ACCT, off.acct, "flows that begin there have no counters (--sysctl sets it)"),
				...warning(CONNTRACK_EVENTS, off.events, "flows of less than a second are not seen there"),
			];
			this.ready = {
				type: "ready",
				time: nowIso(),
				version: options.version,
				kernel: kernelRelease(),
				...owned,
				hooks: { accounting: kind, ...owned.hooks },
				programs: [...(hooks?.programNames ?? []), ...owned.programs],
				open_connections: this.#namespaces.size,
			};
		} catch (error) {
			this.#owned.dispose();
			throw error;
		}
	}

	/**
	 * Opens each network namespace, and takes in the flows that are there.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError; RangeError for an option
	 */
	static open(partial: Partial<AccountingTracerOptions> = {}): AccountingTracer {
		const options = { ...DEFAULTS, ...partial };
		checkRange("maxFlows", options.maxFlows, ENTRIES);
		if (options.bufferBytes !== null) checkBufferBytes(options.bufferBytes);
		return new AccountingTracer(options);
	}

	/** What is reported, and gaps, whenever there are some, until `signal` aborts; then what is left. */
	async *batches(signal?: AbortSignal): AsyncGenerator<AccountingBatch, void, undefined> {
		const closing = this.#closing.signal;
		const end = signal === undefined ? closing : AbortSignal.any([closing, signal]);
		while (!end.aborted) {
			await pause(PAUSE_MS, end);
			if (closing.aborted) return;
			const { records, gaps } = this.#read(end.aborted);
			for (const record of records) this.#waiting.push(record);
			const isFull = end.aborted || this.#waiting.length >= MOST_WAITING;
			const known = isFull || this.#owners.isDue(this.#waiting.length) ? this.#joined() : [];
			if (known.length + gaps.length > 0) yield { records: known, gaps };
		}
	}

	/** Of the whole run. */
	summary(): SummaryRecord {
		return this.#cost.summary(this.#lost);
	}

	/** Idempotent. */
	close(): void {
		this.#closing.abort();
		this.#owned.dispose();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		this.close();
		return Promise.resolve();
	}

	#joined(): readonly AccountingRecord[] {
		const records = this.#waiting;
		this.#waiting = [];
		return this.#owners.join(records);
	}

	readonly #take = (record: AccountingRecord | null): void => {
		if (record !== null && matchesAccount(this.#options.filter, record)) this.#records.push(record);
	};

	/** @param isLast whether nothing can be found later */
	#read(isLast: boolean): AccountingBatch {
		const isDue = isLast || performance.now() >= this.#dumpAt;
		const begin = performance.now();
		this.#namespaces.read(isDue);
		if (isDue) {
			const end = performance.now();
			this.#dumpAt = end + Math.max(DUMP_MS, (end - begin) * DUMP_SHARE);
		}
		if (performance.now() - this.#scannedAt >= SCAN_MS) {
			this.#namespaces.scan();
			this.#scannedAt = performance.now();
		}
		const records = this.#records;
		this.#records = [];
		return { records, gaps: this.#gaps() };
	}

	#gaps(): GapRecord[] {
		const [from, to] = [this.#since, nowIso()];
		this.#since = to;
		const found = this.#namespaces.losses();
		return STAGES.flatMap((stage) => {
			const count = found[stage];
			this.#lost[stage] += count;
			return count === 0 ? [] : [{ type: "gap", from, to, stage, count, hint: HINTS[stage] }];
		});
	}
}

function warning(name: string, count: number, what: string): string[] {
	const where = count === 1 ? "a network namespace" : `${count} network namespaces`;
	return count === 0 ? [] : [`${name} is 0 in ${where}: ${what}`];
}
