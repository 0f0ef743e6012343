/** A running account of conntrack's flows: each network namespace is read by time, none wakes us up. */

import { kernelRelease, networkNamespaces, peakMemoryBytes, sysctl } from "../enrich/procfs.ts";
import { type AccountingFilter, matchesAccount } from "../flow/accounting-filter.ts";
import { FlowAccounts } from "../flow/flow-accounts.ts";
import { DEFAULT_RATE, type RatePoint } from "../flow/rate-curve.ts";
import type {
	AccountingBatch,
	AccountingRecord,
	GapRecord,
	ReadyRecord,
	SummaryRecord,
} from "../flow/records.ts";
import type { CtMessage } from "../maps/ctnetlink.ts";
import { VERSION } from "../version.ts";
import { checkRange, ENTRIES } from "./check-range.ts";
import { ConntrackNetns } from "./conntrack-netns.ts";
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
	/** Which flows. Default null: all. */
	readonly filter: AccountingFilter | null;
	/** Flows that are followed at one time, in each network namespace. */
	readonly maxFlows: number;
	/** Of the kernel, for each network namespace: what has not been read yet. Default 16 MiB. */
	readonly bufferBytes: number;
	/** Reported as ours. */
	readonly version: string;
}

const DEFAULTS: AccountingTracerOptions = {
	rate: DEFAULT_RATE,
	filter: null,
	maxFlows: 262_144,
	bufferBytes: 16 * 2 ** 20,
	version: VERSION,
};

/** Between two looks for what has begun and ended. */
const PAUSE_MS = 50;
/** Messages of one look at one namespace. */
const MOST_MESSAGES = 16_384;
/** Records that wait until it is known whose they are. */
const MOST_WAITING = 65_536;
/** Between two dumps, at least; and so that dumps take no more than a twentieth of the time. */
const DUMP_MS = 1000;
const DUMP_SHARE = 20;
/** Between two looks for namespaces that are new, or gone. */
const SCAN_MS = 2000;

const ACCT = "net.netfilter.nf_conntrack_acct";
const EVENTS = "net.netfilter.nf_conntrack_events";

const UNTOLD = "the kernel did not tell; their counters are those of a second before";

interface Followed {
	readonly netns: ConntrackNetns;
	readonly accounts: FlowAccounts;
	/** Whether the kernel tells of what begins and ends. */
	readonly isTold: boolean;
	overflow: number;
	/** Ends of which the kernel told nothing, and dropped nothing. */
	untold: number;
}

export class AccountingTracer implements Disposable, AsyncDisposable {
	readonly ready: ReadyRecord;
	/** What will be missing in the records, for people. */
	readonly warnings: readonly string[];
	readonly #options: AccountingTracerOptions;
	readonly #followed = new Map<number, Followed>();
	readonly #owners: OwnerLook;
	/** Until it is known whose they are. */
	#waiting: AccountingRecord[] = [];
	readonly #closing = new AbortController();
	readonly #lost = { queue: 0, flow_table: 0, connection_end: 0 };
	readonly #startedAt = performance.now();
	readonly #cpuAtStart = process.cpuUsage();
	#since = nowIso();
	#scannedAt = performance.now();
	#dumpAt = performance.now() + DUMP_MS;

	private constructor(options: AccountingTracerOptions) {
		this.#options = options;
		const off = this.#scan();
		this.#owners = OwnerLook.open(options.maxFlows);
		const owned = this.#owners.ready;
		this.warnings = [
			...warning(ACCT, off.acct, "flows that begin there have no counters"),
			...warning(EVENTS, off.events, "flows of less than a second are not seen there"),
		];
		this.ready = {
			type: "ready",
			time: nowIso(),
			version: options.version,
			kernel: kernelRelease(),
			...owned,
			hooks: { accounting: "ctnetlink", ...owned.hooks },
			open_connections: this.#all().reduce((sum, { accounts }) => sum + accounts.size, 0),
		};
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

	/** What is reported, and gaps, whenever there are some, until `signal` aborts; then what is left. */
	async *batches(signal?: AbortSignal): AsyncGenerator<AccountingBatch, void, undefined> {
		const closing = this.#closing.signal;
		const end = signal === undefined ? closing : AbortSignal.any([closing, signal]);
		while (!end.aborted) {
			await pause(PAUSE_MS, end);
			if (closing.aborted) return;
			const { records, gaps } = this.#read();
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
		for (const { netns } of this.#all()) netns[Symbol.dispose]();
		this.#followed.clear();
		this.#owners[Symbol.dispose]();
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

	#all(): Followed[] {
		return [...this.#followed.values()];
	}

	/**
	 * Follows what is new, and leaves what nobody else is in: an open socket would keep it.
	 *
	 * @returns in how many of those that are new a sysctl is 0
	 */
	#scan(): { acct: number; events: number } {
		const { filter } = this.#options;
		const found = networkNamespaces();
		for (const [inode, { netns }] of this.#followed) {
			if (found.has(inode)) continue;
			netns[Symbol.dispose]();
			this.#followed.delete(inode);
		}
		const off = { acct: 0, events: 0 };
		for (const [inode, path] of found) {
			const isWanted = filter === null || filter.netns.length === 0 || filter.netns.includes(inode);
			if (!isWanted || this.#followed.has(inode)) continue;
			visitNetns(path, () => {
				if (sysctl(ACCT) === 0) off.acct++;
				if (sysctl(EVENTS) === 0) off.events++;
				this.#follow(inode);
			});
		}
		return off;
	}

	#follow(inode: number): void {
		const { rate, maxFlows, bufferBytes } = this.#options;
		using owned = new DisposableStack();
		const netns = owned.use(ConntrackNetns.open(inode, bufferBytes));
		const accounts = new FlowAccounts({ netns: inode, rate, maxFlows });
		const now = wallMs();
		netns.table.dump(
			() => {},
			(message) => accounts.adopt(message, now),
		);
		owned.move();
		this.#followed.set(inode, {
			netns,
			accounts,
			isTold: sysctl(EVENTS) !== 0,
			overflow: 0,
			untold: 0,
		});
	}

	#read(): AccountingBatch {
		const records: AccountingRecord[] = [];
		const { filter } = this.#options;
		const take = (record: AccountingRecord | null): void => {
			if (record !== null && matchesAccount(filter, record)) records.push(record);
		};
		const isDue = performance.now() >= this.#dumpAt;
		const begin = performance.now();
		for (const one of this.#all()) this.#readOne(one, isDue, take);
		if (isDue) {
			const end = performance.now();
			this.#dumpAt = end + Math.max(DUMP_MS, (end - begin) * DUMP_SHARE);
		}
		if (performance.now() - this.#scannedAt >= SCAN_MS) {
			this.#scan();
			this.#scannedAt = performance.now();
		}
		return { records, gaps: this.#gaps() };
	}

	#readOne(one: Followed, isDue: boolean, take: (record: AccountingRecord | null) => void): void {
		const { netns, accounts } = one;
		const now = wallMs();
		const onBegin = (message: CtMessage): void => take(accounts.begin(message, now));
		const onEnd = (message: CtMessage): void => take(accounts.end(message, now));
		let isOverrun = netns.read(MOST_MESSAGES, onBegin, onEnd);
		if (!isOverrun && !(isDue && (accounts.size > 0 || !one.isTold))) return;
		const isWhole = netns.table.dump(
			() => accounts.beginDump(),
			(message) => take(accounts.see(message, wallMs())),
		);
		// What ended before the dump has told so by now, or never will.
		isOverrun = netns.read(Number.POSITIVE_INFINITY, onBegin, onEnd) || isOverrun;
		if (!isWhole) return;
		const ended = accounts.sweep(wallMs());
		if (!isOverrun) one.untold += ended.length;
		for (const record of ended) take(record);
	}

	#gaps(): GapRecord[] {
		const [from, to] = [this.#since, nowIso()];
		let [queue, flow_table, connection_end] = [0, 0, 0];
		for (const one of this.#all()) {
			queue += one.netns.lost();
			flow_table += one.accounts.overflow - one.overflow;
			connection_end += one.untold;
			one.overflow = one.accounts.overflow;
			one.untold = 0;
		}
		this.#lost.queue += queue;
		this.#lost.flow_table += flow_table;
		this.#lost.connection_end += connection_end;
		this.#since = to;
		const gap = { type: "gap", from, to } as const;
		return [
			{ ...gap, stage: "queue", count: queue, hint: "raise --buffer" } as const,
			{ ...gap, stage: "flow_table", count: flow_table, hint: "raise --max-flows" } as const,
			{ ...gap, stage: "connection_end", count: connection_end, hint: UNTOLD } as const,
		].filter(({ count }) => count > 0);
	}
}

const wallMs = (): number => performance.timeOrigin + performance.now();

function warning(name: string, count: number, what: string): string[] {
	const where = count === 1 ? "a network namespace" : `${count} network namespaces`;
	return count === 0 ? [] : [`${name} is 0 in ${where}: ${what}`];
}
