/** A running account of conntrack's flows: each network namespace is read by time, none wakes us up. */

import { kernelRelease, networkNamespaces, peakMemoryBytes, sysctl } from "../enrich/procfs.ts";
import { type AccountingFilter, matchesAccount } from "../flow/accounting-filter.ts";
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
import { checkRange, ENTRIES } from "./check-range.ts";
import { CONNTRACK_EVENTS, FollowedNetns } from "./followed-netns.ts";
import { NOTHING_LOST } from "./losses.ts";
import { visitNetns } from "./netns.ts";
import { OwnerLook } from "./owner-look.ts";
import { NO_VERDICT } from "./proof.ts";
import { nowIso } from "./session.ts";
import { pause } from "./ticks.ts";

/** What an account can be told. */
export interface AccountingTracerOptions {
	/** How often a flow is reported, by its age. */
	readonly rate: readonly RatePoint[];
	/** Of compileAccountingFilter(). Default null: all flows. */
	readonly filter: AccountingFilter | null;
	/** Flows that are followed at one time, in each network namespace. */
	readonly maxFlows: number;
	/** Of the kernel, for each network namespace: what has not been read yet. Default 64 MiB, which is taken as it is needed. */
	readonly bufferBytes: number;
	/** Count, and keep the beginning of each flow, where that is off; both as before at the end. Default false. */
	readonly sysctls: boolean;
	/** Reported as ours. */
	readonly version: string;
}

const DEFAULTS: AccountingTracerOptions = {
	rate: DEFAULT_RATE,
	filter: null,
	maxFlows: 262_144,
	bufferBytes: 64 * 2 ** 20,
	sysctls: false,
	version: VERSION,
};

/** Between two looks for what has begun and ended. */
const PAUSE_MS = 50;
/** Records that wait until it is known whose they are. */
const MOST_WAITING = 65_536;
/** Between two dumps, at least; and so that dumps take no more than a twentieth of the time. */
const DUMP_MS = 1000;
const DUMP_SHARE = 20;
/** Between two looks for namespaces that are new, or gone. */
const SCAN_MS = 2000;

const ACCT = "net.netfilter.nf_conntrack_acct";
const TIMESTAMP = "net.netfilter.nf_conntrack_timestamp";

const STAGES = ["queue", "flow_table", "connection_end"] as const;
const HINTS = {
	queue: "raise --buffer",
	flow_table: "raise --max-flows",
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
	readonly #followed = new Map<number, FollowedNetns>();
	readonly #owned = new DisposableStack();
	readonly #owners: OwnerLook;
	#sysctls: BorrowedSysctls | null = null;
	/** Until it is known whose they are. */
	#waiting: AccountingRecord[] = [];
	readonly #closing = new AbortController();
	readonly #lost = { queue: 0, flow_table: 0, connection_end: 0 };
	/** Since the last gaps. */
	#losses = { queue: 0, flow_table: 0, connection_end: 0 };
	readonly #startedAt = performance.now();
	readonly #cpuAtStart = process.cpuUsage();
	#since = nowIso();
	#scannedAt = performance.now();
	#dumpAt = performance.now() + DUMP_MS;

	private constructor(options: AccountingTracerOptions) {
		this.#options = options;
		try {
			if (options.sysctls) this.#sysctls = this.#owned.use(BorrowedSysctls.open());
			else BorrowedSysctls.putBackOfTheDead();
			const off = this.#scan(() => {});
			this.#owners = this.#owned.use(OwnerLook.open(options.maxFlows));
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
				hooks: { accounting: "ctnetlink", ...owned.hooks },
				open_connections: this.#all().reduce((sum, { size }) => sum + size, 0),
			};
		} catch (error) {
			this.#closeAll();
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
		return new AccountingTracer(options);
	}

	/** What is open by then. */
	#closeAll(): void {
		for (const netns of this.#all()) netns[Symbol.dispose]();
		this.#followed.clear();
		this.#owned.dispose();
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
		const { user, system } = process.cpuUsage(this.#cpuAtStart);
		return {
			...{ type: "summary", time: nowIso() },
			duration_ms: Math.round(performance.now() - this.#startedAt),
			...NO_VERDICT,
			lost: { ...NOTHING_LOST, ...this.#lost },
			self: {
				cpu_ms: (user + system) / 1000,
				peak_memory_bytes: peakMemoryBytes(),
				bpf_runs: null,
				bpf_ns: null,
			},
		};
	}

	/** Idempotent. */
	close(): void {
		this.#closing.abort();
		this.#closeAll();
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

	#all(): FollowedNetns[] {
		return [...this.#followed.values()];
	}

	/**
	 * Follows what is new, and leaves what nobody else is in: an open socket would keep it.
	 *
	 * @returns in how many of those that are new a sysctl is 0
	 */
	#scan(take: (record: AccountingRecord | null) => void): { acct: number; events: number } {
		const { filter, rate, maxFlows, bufferBytes } = this.#options;
		const found = networkNamespaces();
		for (const [inode, netns] of this.#followed) {
			if (found.has(inode)) continue;
			netns.leave(take);
			this.#count(netns);
			netns[Symbol.dispose]();
			this.#followed.delete(inode);
		}
		const off = { acct: 0, events: 0 };
		for (const [inode, path] of found) {
			const isWanted = filter === null || filter.netns.length === 0 || filter.netns.includes(inode);
			if (!isWanted || this.#followed.has(inode)) continue;
			visitNetns(path, () => {
				this.#sysctls?.turnOn(inode, [ACCT, TIMESTAMP]);
				if (sysctl(ACCT) === 0) off.acct++;
				if (sysctl(CONNTRACK_EVENTS) === 0) off.events++;
				const of = { netns: inode, rate, maxFlows };
				this.#followed.set(inode, FollowedNetns.open(of, bufferBytes));
			});
		}
		return off;
	}

	/** @param isLast whether nothing can be found later */
	#read(isLast: boolean): AccountingBatch {
		const records: AccountingRecord[] = [];
		const { filter } = this.#options;
		const take = (record: AccountingRecord | null): void => {
			if (record !== null && matchesAccount(filter, record)) records.push(record);
		};
		const isDue = isLast || performance.now() >= this.#dumpAt;
		const begin = performance.now();
		for (const netns of this.#all()) netns.read(isDue, take);
		if (isDue) {
			const end = performance.now();
			this.#dumpAt = end + Math.max(DUMP_MS, (end - begin) * DUMP_SHARE);
		}
		if (performance.now() - this.#scannedAt >= SCAN_MS) {
			this.#scan(take);
			this.#scannedAt = performance.now();
		}
		return { records, gaps: this.#gaps() };
	}

	#gaps(): GapRecord[] {
		const [from, to] = [this.#since, nowIso()];
		this.#since = to;
		for (const netns of this.#all()) this.#count(netns);
		const found = this.#losses;
		this.#losses = { queue: 0, flow_table: 0, connection_end: 0 };
		return STAGES.flatMap((stage) => {
			const count = found[stage];
			this.#lost[stage] += count;
			return count === 0 ? [] : [{ type: "gap", from, to, stage, count, hint: HINTS[stage] }];
		});
	}

	#count(netns: FollowedNetns): void {
		const lost = netns.losses();
		for (const stage of STAGES) this.#losses[stage] += lost[stage];
	}
}

function warning(name: string, count: number, what: string): string[] {
	const where = count === 1 ? "a network namespace" : `${count} network namespaces`;
	return count === 0 ? [] : [`${name} is 0 in ${where}: ${what}`];
}
