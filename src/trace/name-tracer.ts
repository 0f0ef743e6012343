/** What names somebody has asked for: answers of DNS on the wire, learned while it is open, and how the servers answer. */

import { DnsNames } from "../enrich/dns-names.ts";
import type { ClockHistory } from "../flow/clock-history.ts";
import { DEFAULT_BUFFER_BYTES } from "../flow/defaults.ts";
import { DnsStatistics } from "../flow/dns-statistics.ts";
import type { DnsTransaction } from "../flow/dns-transaction.ts";
import type { PortSpan } from "../flow/port-spans.ts";
import type { GapRecord, SummaryRecord } from "../flow/records.ts";
import { checkBufferBytes, checkRange, ENTRIES, MILLISECONDS } from "./check-range.ts";
import { clocks, monotonicMs } from "./clock.ts";
import { DNS_PORTS, DnsSockets } from "./dns-sockets.ts";

/** What a tracer of names can be told. */
export interface NameTracerOptions {
	/** Of resolvers; 32 spans at most. Default: 53. */
	readonly ports: readonly PortSpan[];
	/** Inode numbers of network namespaces. Default: none, which is all that there are. */
	readonly netns: readonly number[];
	/** Until a question without an answer is given up. Default 5000. */
	readonly timeoutMs: number;
	/** That wait for an answer at one time. Default 65,536. */
	readonly maxQuestions: number;
	/** Addresses whose names are remembered; what makes room while it is still good is counted in gaps. Default 100,000. */
	readonly maxNames: number;
	/** Of the kernel, in each network namespace, for what has not been read yet; taken as it is needed. A power of two, and at least a page. Default 4 MiB. */
	readonly bufferBytes: number;
}

const DEFAULTS: NameTracerOptions = {
	ports: DNS_PORTS,
	netns: [],
	timeoutMs: 5000,
	maxQuestions: 65_536,
	maxNames: 100_000,
	bufferBytes: DEFAULT_BUFFER_BYTES,
};

/** Between two looks at what has come in: the buffers have room for what comes in between. */
const PAUSE_MS = 50;
/** docs/adr/0029 */
const GRACE_MS = 180_000;

/** Its sockets are open from open() to close(). It reads them by itself; read() is for those who cannot wait. */
export class NameTracer implements Disposable {
	/** How servers have answered: of questions that have come to their end. */
	readonly statistics = new DnsStatistics();
	readonly #sockets: DnsSockets;
	readonly #names: DnsNames;
	readonly #timer: NodeJS.Timeout;
	#isClosed = false;
	/** What went wrong while nobody could be told. */
	#failure: { readonly error: unknown } | null = null;

	private constructor(options: NameTracerOptions) {
		const { maxNames: most, ...others } = options;
		const all = { family: null, transport: null, mostUnasked: 0, hints: {} };
		this.#sockets = new DnsSockets({ ...all, ...others });
		this.#names = new DnsNames({ most, graceMs: GRACE_MS });
		this.#timer = setInterval(() => this.tryRead(), PAUSE_MS);
		this.#timer.unref();
	}

	/**
	 * Listens in each network namespace: takes CAP_NET_RAW.
	 *
	 * @throws PermissionError, LibbpfError; RangeError for an option. Nothing is left open then
	 */
	static open(partial: Partial<NameTracerOptions> = {}): NameTracer {
		const options = { ...DEFAULTS, ...partial };
		checkRange("maxQuestions", options.maxQuestions, ENTRIES);
		checkRange("maxNames", options.maxNames, ENTRIES);
		checkRange("timeoutMs", options.timeoutMs, MILLISECONDS);
		checkBufferBytes(options.bufferBytes);
		return new NameTracer(options);
	}

	/**
	 * Learns what has come in until now. Whoever has an answer, and then opens a connection, has its
	 * name in time if this is called after the connection was seen, and before the name is asked for.
	 *
	 * @throws LibbpfError, also one of a look before that nobody asked for; Error after close()
	 */
	read(): void {
		if (this.#isClosed) throw new Error("the tracer is closed");
		this.check();
		this.#sockets.read();
		// Whose they are is not asked here.
		this.#sockets.takeBegun();
		const done = this.#sockets.takeDone();
		if (done.length === 0) return;
		const now = clocks();
		for (const transaction of done) this.#learn(transaction, now);
	}

	/**
	 * As read(), for who has something in hand that must not be lost: what goes wrong check() throws.
	 *
	 * @internal
	 */
	tryRead(): void {
		if (this.#failure !== null || this.#isClosed) return;
		try {
			this.read();
		} catch (error) {
			this.#failure = { error };
		}
	}

	/**
	 * Throws once what went wrong since the last call.
	 *
	 * @internal
	 */
	check(): void {
		if (this.#failure === null) return;
		const { error } = this.#failure;
		this.#failure = null;
		throw error;
	}

	/**
	 * The name that was asked for last, in this network namespace, of those that lead to this address;
	 * null where nobody asked, or it is too long ago. It stays good while it is asked for here.
	 *
	 * @param address as in records
	 * @param agoMs it was good at any time in these last milliseconds
	 */
	nameOf(netns: number, address: string, agoMs = 0): string | null {
		const nowMs = monotonicMs();
		return this.#names.nameOf(netns, address, nowMs - agoMs, nowMs);
	}

	/**
	 * The same of a connection: the last name that was asked for before it was opened.
	 *
	 * @param openedMs of CLOCK_MONOTONIC
	 * @internal
	 */
	nameAt(netns: number, address: string, openedMs: number): string | null {
		return this.#names.nameAt(netns, address, openedMs);
	}

	/** Addresses that have a name, or had one. */
	get size(): number {
		return this.#names.size;
	}

	/** What was lost since the last call: packets (`queue`), questions and names that had to make room (`dns_table`), messages that could not be read (`dns_message`), answers that nobody was seen to ask for (`dns_unasked`), namespaces that could not be listened to (`namespace`). */
	takeGaps(): GapRecord[] {
		return this.#sockets.takeGaps(this.#names.takeForgotten());
	}

	/** In all, as far as takeGaps() has told it. */
	get lost(): Pick<
		SummaryRecord["lost"],
		"queue" | "dns_table" | "dns_message" | "dns_unasked" | "namespace"
	> {
		return this.#sockets.lost;
	}

	/** Idempotent. */
	close(): void {
		this.#isClosed = true;
		clearInterval(this.#timer);
		this.#sockets[Symbol.dispose]();
	}

	/** For `using`: close(). */
	[Symbol.dispose](): void {
		this.close();
	}

	#learn({ asked, endedAt, outcome }: DnsTransaction, now: ClockHistory): void {
		if (outcome === null || endedAt === null) return;
		this.statistics.add(asked, outcome, performance.now());
		const { netns, question_name } = asked;
		const { response_code, answers } = outcome;
		const atMs = now.monotonicMs(now.momentOf(endedAt));
		this.#names.learn({ netns, question_name, response_code, answers }, atMs);
	}
}
