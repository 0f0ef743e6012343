/** DNS as it is on the wire: a packet socket in each network namespace, read by time, none wakes us up. */

import { kernelRelease } from "../enrich/procfs.ts";
import type { DnsBatch, DnsRecord } from "../flow/dns-records.ts";
import { type DnsTransaction, dnsRecord } from "../flow/dns-transaction.ts";
import type { FilterOptions } from "../flow/filter.ts";
import type { PortSpan } from "../flow/port-spans.ts";
import type { Family, ReadyRecord, SummaryRecord, Transport } from "../flow/records.ts";
import { VERSION } from "../version.ts";
import { AskerLook } from "./asker-look.ts";
import { checkBufferBytes, checkRange, ENTRIES, MILLISECONDS } from "./check-range.ts";
import { nowIso } from "./clock.ts";
import { DNS_PORTS, DnsSockets } from "./dns-sockets.ts";
import { OwnCost } from "./own-cost.ts";
import type { SessionOptions } from "./session-options.ts";
import { pause } from "./ticks.ts";

/** What a tracer of DNS can be told. */
export interface DnsTracerOptions extends Pick<SessionOptions, "hooks" | "btfPath" | "libbpfPath"> {
	/** Of either end; 32 spans at most. Default: 53. */
	readonly ports: readonly PortSpan[];
	/** Default null: both. */
	readonly family: Family | null;
	/** Default null: both. */
	readonly transport: Transport | null;
	/** Inode numbers of network namespaces. Default: none, which is all that there are. */
	readonly netns: readonly number[];
	/** Whose questions, as far as it says `pids`, `processes`, `uids`, `cgroupIds`, `containers`. Default null: all, also those that are nobody's here. */
	readonly whose: Partial<FilterOptions> | null;
	/** Only what has no answer, or another one than NOERROR. Default false. */
	readonly isFailedOnly: boolean;
	/** Until a question without an answer is given up. Default 5000. */
	readonly timeoutMs: number;
	/** That wait for an answer at one time. Default 65,536. */
	readonly maxQuestions: number;
	/** Of the kernel, in each network namespace, for what has not been read yet; taken as it is needed. A power of two, and at least a page. Default 4 MiB. */
	readonly bufferBytes: number;
	/** Reported as ours. */
	readonly version: string;
}

const DEFAULTS: DnsTracerOptions = {
	ports: DNS_PORTS,
	family: null,
	transport: null,
	netns: [],
	whose: null,
	isFailedOnly: false,
	timeoutMs: 5000,
	maxQuestions: 65_536,
	bufferBytes: 4 * 2 ** 20,
	hooks: "auto",
	btfPath: null,
	libbpfPath: null,
	version: VERSION,
};

/** Between two looks at what has come in. */
const PAUSE_MS = 50;
/** Answers of one second whose questions were not seen, with a record: whoever floods us with answers gets no more. */
const MOST_UNASKED = 1000;
/** Questions that wait until it is known whose they are. */
const MOST_WAITING = 16_384;

const HINTS = { queue: "raise --buffer", dns_table: "raise --max-questions" };

/** Each question, with its answer or without. Without rights for BPF it does not know who asks. */
export class DnsTracer implements Disposable, AsyncDisposable {
	readonly ready: ReadyRecord;
	readonly #options: DnsTracerOptions;
	readonly #owned = new DisposableStack();
	readonly #sockets: DnsSockets;
	readonly #askers: AskerLook;
	/** Until it is known whose they are. */
	#done: DnsTransaction[] = [];
	readonly #closing = new AbortController();
	readonly #cost = new OwnCost();

	private constructor(options: DnsTracerOptions) {
		this.#options = options;
		try {
			// First, so that it is at once told what is missing; what comes in meanwhile waits.
			this.#sockets = this.#owned.use(
				new DnsSockets({ ...options, mostUnasked: MOST_UNASKED, hints: HINTS }),
			);
			this.#askers = this.#owned.use(AskerLook.open({ ...options, sockets: socketsOf(options) }));
			const beside = this.#askers.ready;
			this.ready = {
				type: "ready",
				time: nowIso(),
				version: options.version,
				kernel: kernelRelease(),
				...beside,
				hooks: { dns: "packet_socket", ...beside.hooks },
				open_connections: 0,
			};
		} catch (error) {
			this.#owned.dispose();
			throw error;
		}
	}

	/**
	 * Listens in each network namespace.
	 *
	 * @throws PermissionError, LibbpfError; RangeError for an option
	 */
	static open(partial: Partial<DnsTracerOptions> = {}): DnsTracer {
		const options = { ...DEFAULTS, ...partial };
		checkRange("maxQuestions", options.maxQuestions, ENTRIES);
		checkRange("timeoutMs", options.timeoutMs, MILLISECONDS);
		checkBufferBytes(options.bufferBytes);
		return new DnsTracer(options);
	}

	/** What has come to its end, and gaps, whenever there are some, until `signal` aborts; then what is left. */
	async *batches(signal?: AbortSignal): AsyncGenerator<DnsBatch, void, undefined> {
		const closing = this.#closing.signal;
		const end = signal === undefined ? closing : AbortSignal.any([closing, signal]);
		while (!end.aborted) {
			await pause(PAUSE_MS, end);
			if (closing.aborted) return;
			this.#read();
			const waiting = this.#done.length + this.#askers.waiting;
			const isFull = end.aborted || waiting >= MOST_WAITING;
			const records = isFull || this.#askers.isDue(waiting) ? this.#records(end.aborted) : [];
			const gaps = this.#sockets.takeGaps();
			if (records.length + gaps.length > 0) yield { records, gaps };
		}
	}

	/** Of the whole run. */
	summary(): SummaryRecord {
		return this.#cost.summary(this.#sockets.lost);
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

	#read(): void {
		this.#sockets.read();
		this.#askers.ask(this.#sockets.takeBegun());
		for (const done of this.#sockets.takeDone()) this.#done.push(done);
	}

	/**
	 * With their processes; those that are wanted.
	 *
	 * @param isLast whether there is no other look
	 */
	#records(isLast: boolean): DnsRecord[] {
		this.#askers.look();
		const isKnown = (one: DnsTransaction): boolean => isLast || this.#askers.isSettled(one);
		const done = this.#done.filter(isKnown);
		this.#done = this.#done.filter((one) => !isKnown(one));
		return done.flatMap((transaction) => {
			const { outcome } = transaction;
			if (outcome === null || !this.#askers.isWanted(transaction)) return [];
			if (this.#options.isFailedOnly && outcome.response_code === "NOERROR") return [];
			return [dnsRecord(transaction, outcome)];
		});
	}
}

/** Those that may ask: the kernel leaves the others alone. */
function socketsOf({ ports, family, transport, netns }: DnsTracerOptions): Partial<FilterOptions> {
	return { ports: ports.map(({ first, last }) => `${first}-${last}`), family, transport, netns };
}
