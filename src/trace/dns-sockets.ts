/** DNS on the wire: packet sockets that are read by time, the questions that wait for their answers, and what was lost. */

import type { ClockHistory } from "../flow/clock-history.ts";
import type { DnsTransaction } from "../flow/dns-transaction.ts";
import { DnsTransactions } from "../flow/dns-transactions.ts";
import type { PortSpan } from "../flow/port-spans.ts";
import type { Family, GapRecord, LossStage, Transport } from "../flow/records.ts";
import { packetFilter } from "../maps/packet-filter.ts";
import { clocks, followClocks, nowIso, wallClock } from "./clock.ts";
import { DnsWire } from "./dns-wire.ts";
import { PacketNamespaces } from "./packet-namespaces.ts";
import { Translations } from "./translations.ts";

interface Options {
	/** Of either end. */
	readonly ports: readonly PortSpan[];
	/** Null: both. */
	readonly family: Family | null;
	readonly transport: Transport | null;
	/** Inode numbers of network namespaces; none: all. */
	readonly netns: readonly number[];
	/** Until a question without an answer is given up. */
	readonly timeoutMs: number;
	/** That wait at one time. */
	readonly maxQuestions: number;
	/** Answers of one second whose questions were not seen, and that are made records of. */
	readonly mostUnasked: number;
	/** Of each socket. */
	readonly bufferBytes: number;
	/** What to do about a loss, where something can be done. */
	readonly hints: Readonly<Partial<Record<LossStage, string>>>;
}

/** Between two walks for namespaces that are new, or gone. */
const SCAN_MS = 2000;

const STAGES = [
	"queue",
	"dns_table",
	"dns_message",
	"dns_unasked",
	"namespace",
] as const satisfies readonly LossStage[];
type DnsLoss = (typeof STAGES)[number];
type Lost = Record<DnsLoss, number>;

export const DNS_PORTS: readonly PortSpan[] = [{ first: 53, last: 53 }];

export class DnsSockets implements Disposable {
	/** In all, as far as takeGaps() has told it. */
	readonly lost: Lost = {
		...{ queue: 0, dns_table: 0, dns_message: 0, dns_unasked: 0, namespace: 0 },
	};
	readonly #hints: Options["hints"];
	readonly #namespaces: PacketNamespaces;
	readonly #transactions: DnsTransactions;
	readonly #wire: DnsWire;
	readonly #clocks = clocks();
	readonly #following = followClocks();
	readonly #translations = new Translations();
	readonly #timeoutMs: number;
	#since = nowIso();
	#scannedAt = performance.now();

	/**
	 * Listens in each network namespace.
	 *
	 * @throws PermissionError, LibbpfError; nothing is left open then
	 */
	constructor({ family, transport, hints, ...options }: Options) {
		this.#hints = hints;
		const setNsAt: ClockHistory["setNsAt"] = (time) => this.#clocks.setNsAt(time);
		this.#transactions = new DnsTransactions({ most: options.maxQuestions, setNsAt, ...options });
		this.#timeoutMs = options.timeoutMs;
		this.#wire = new DnsWire(this.#transactions, options.ports);
		const filter = packetFilter({
			...{ ports: options.ports, ipv4: family !== "ipv6", ipv6: family !== "ipv4" },
			...{ tcp: transport !== "udp", udp: transport !== "tcp", elsewhere: true },
		});
		this.#namespaces = new PacketNamespaces({ ...options, filter }, (...packet) =>
			this.#wire.take(...packet),
		);
		try {
			this.#namespaces.scan();
		} catch (error) {
			this[Symbol.dispose]();
			throw error;
		}
	}

	/** What has come in until now. */
	read(): void {
		clocks();
		// Of what waits, an answer may be among it.
		const { seconds, ns } = wallClock();
		const readMs = this.#namespaces.read(seconds * 1000 + ns / 1e6);
		this.#wire.settle(this.#translations.isAllowed ? this.#translations : null, this.#timeoutMs);
		this.#transactions.expire(instantOf(readMs));
		if (performance.now() - this.#scannedAt < SCAN_MS) {
			this.#namespaces.scanYoung();
			return;
		}
		this.#namespaces.scan();
		this.#scannedAt = performance.now();
	}

	/** Questions that were seen since the last call; some may have their answers. */
	takeBegun(): DnsTransaction[] {
		return this.#transactions.takeBegun();
	}

	/** Those that have come to their end since the last call. */
	takeDone(): DnsTransaction[] {
		return this.#transactions.takeDone();
	}

	/** @param dropped that had to make room elsewhere, and belong to `dns_table` */
	takeGaps(dropped = 0): GapRecord[] {
		const [from, to] = [this.#since, nowIso()];
		this.#since = to;
		const refused = this.#namespaces.takeRefused();
		const found: Lost = {
			queue: this.#namespaces.takeDrops(),
			dns_table: this.#transactions.takeDropped() + this.#wire.takeDropped() + dropped,
			dns_message: this.#wire.takeUnread(),
			dns_unasked: this.#transactions.takeUnread(),
			namespace: refused.count,
		};
		return STAGES.flatMap((stage) => {
			const count = found[stage];
			this.lost[stage] += count;
			const hint = stage === "namespace" ? refused.hint : (this.#hints[stage] ?? null);
			return count === 0 ? [] : [{ type: "gap", from, to, stage, count, hint }];
		});
	}

	[Symbol.dispose](): void {
		this.#following[Symbol.dispose]();
		this.#namespaces[Symbol.dispose]();
		this.#translations[Symbol.dispose]();
	}
}

function instantOf(epochMs: number): { seconds: number; ns: number } {
	const seconds = Math.floor(epochMs / 1000);
	return { seconds, ns: (epochMs - seconds * 1000) * 1e6 };
}
