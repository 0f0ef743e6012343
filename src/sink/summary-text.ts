/** What a run says on standard error, for people: ready, gaps, and the summary. */

import type {
	GapRecord,
	LossStage,
	ReadyRecord,
	SummaryRecord,
	TcpCounts,
} from "../flow/records.ts";
import { safeText } from "./text.ts";

interface LossWords {
	/** What is lost, one and many. */
	readonly one: string;
	readonly many: string;
	readonly why: string;
	readonly hint: string | null;
}

const LOSSES: Readonly<Record<LossStage, LossWords>> = {
	connection_table: {
		one: "connection was not followed",
		many: "connections were not followed",
		why: "the connection table was full",
		hint: "raise --max-connections",
	},
	flow_table: {
		one: "connection has no flow",
		many: "connections have no flow",
		why: "the flow table was full",
		hint: "raise --max-flows or choose --aggregate service",
	},
	listener_table: {
		one: "listening socket was not remembered",
		many: "listening sockets were not remembered",
		why: "the listener table was full",
		hint: null,
	},
	netns_table: {
		one: "connection is not in the proof",
		many: "connections are not in the proof",
		why: "the table of network namespaces was full",
		hint: null,
	},
	ring_buffer: {
		one: "event was dropped",
		many: "events were dropped",
		why: "the ring buffer was full",
		hint: "raise --buffer",
	},
	queue: {
		one: "message of the kernel was dropped",
		many: "messages of the kernel were dropped",
		why: "they were not read in time",
		hint: "raise --buffer",
	},
	connection_end: {
		one: "connection ended unseen",
		many: "connections ended unseen",
		why: "the kernel skipped our programs",
		hint: null,
	},
	udp_table: {
		one: "datagram was not counted",
		many: "datagrams were not counted",
		why: "the table of UDP connections was full",
		hint: "raise --max-connections",
	},
	conntrack_table: {
		one: "packet was dropped, and its flow is not followed",
		many: "packets were dropped, and their flows are not followed",
		why: "the kernel's own table of conntrack was full",
		hint: "raise sysctl net.netfilter.nf_conntrack_max",
	},
	dns_table: {
		one: "message of DNS was given up",
		many: "messages of DNS were given up",
		why: "the tables of questions and of parts were full",
		hint: "raise --max-questions",
	},
	dns_message: {
		one: "message was not read",
		many: "messages were not read",
		why: "malformed, or a part was missing",
		hint: null,
	},
	dns_unasked: {
		one: "answer of DNS was not read",
		many: "answers of DNS were not read",
		why: "nobody was seen to ask for them",
		hint: null,
	},
	namespace: {
		one: "network namespace was not listened to",
		many: "network namespaces were not listened to",
		why: "files, memory or rights were missing",
		hint: "raise ulimit -n, or give CAP_SYS_ADMIN",
	},
	program: {
		one: "run of a BPF program was skipped",
		many: "runs of a BPF program were skipped",
		why: "the kernel refused to nest it",
		hint: null,
	},
};

/** A feature that has no hook, and why. */
const NONE = "none: ";

export function readyText(record: ReadyRecord): string {
	const all = Object.values(record.hooks);
	const hooks = [...new Set(all)].filter((hook) => !hook.startsWith(NONE)).join(", ");
	const missing = all
		.filter((hook) => hook.startsWith(NONE))
		.map((hook) => hook.slice(NONE.length));
	const parts = [`version ${record.version}`, `Linux ${record.kernel}`];
	if (record.libbpf !== null) parts.push(`libbpf ${record.libbpf}`);
	if (hooks !== "") parts.push(hooks);
	const open = plural(record.open_connections, "connection was", "connections were");
	return [
		line(`ready: ${parts.join(", ")}; ${open} open already`),
		...missing.map((why) => line(`not traced: ${why}`)),
	].join("");
}

export function gapText(record: GapRecord): string {
	const loss = lossText(record.stage, record.count, record.hint);
	return line(`${clock(record.from)} to ${clock(record.to)}: LOST ${loss}`);
}

/** The proof and the cost on one line, then one line for each stage where something was lost. */
export function summaryText(record: SummaryRecord): string {
	const lost = (Object.keys(LOSSES) as LossStage[]).filter((stage) => record.lost[stage] > 0);
	const { seen, kernel } = record;
	const parts = [
		...(seen && kernel ? [`${proof(seen, kernel)} seen (kernel's own counters)`] : []),
		lost.length === 0 ? "nothing lost" : "LOSSES below",
		cost(record),
	];
	const unverified = unverifiedText(record.unverified);
	if (unverified !== null) parts.splice(-2, 0, unverified);
	const losses = lost.map((stage) => line(`LOST ${lossText(stage, record.lost[stage], null)}`));
	return line(parts.join("; ")) + losses.join("");
}

/** "12:34:56Z" of an ISO 8601 time. */
export function clock(time: string): string {
	return safeText(`${time.slice(11, 19)}Z`);
}

function proof(seen: TcpCounts, kernel: TcpCounts): string {
	const parts = [
		`${seen.active_opens} of ${kernel.active_opens} active opens`,
		`${seen.passive_opens} of ${kernel.passive_opens} passive opens`,
	];
	if (seen.attempt_fails > 0 || kernel.attempt_fails > 0) {
		parts.push(`${seen.attempt_fails} of ${kernel.attempt_fails} failed attempts`);
	}
	if (seen.estab_resets > 0 || kernel.estab_resets > 0) {
		parts.push(`${seen.estab_resets} of ${kernel.estab_resets} resets`);
	}
	return parts.join(", ");
}

function unverifiedText(counts: TcpCounts): string | null {
	const parts: string[] = [];
	if (counts.active_opens > 0) parts.push(`${counts.active_opens} active`);
	if (counts.passive_opens > 0) parts.push(`${counts.passive_opens} passive`);
	if (counts.attempt_fails > 0) parts.push(`${counts.attempt_fails} failed`);
	if (counts.estab_resets > 0) parts.push(`${counts.estab_resets} reset`);
	if (parts.length === 0) return null;
	return `${parts.join(", ")} more in network namespaces that are gone, so not compared`;
}

function cost({ duration_ms, self }: SummaryRecord): string {
	const parts = [
		`${(duration_ms / 1000).toFixed(1)} s`,
		`${(self.cpu_ms / 1000).toFixed(2)} s CPU`,
		`${Math.round(self.peak_memory_bytes / 1e6)} MB`,
	];
	if (self.bpf_runs !== null && self.bpf_ns !== null) {
		parts.push(`${self.bpf_runs} BPF runs in ${(self.bpf_ns / 1e6).toFixed(1)} ms`);
	}
	return parts.join(", ");
}

function lossText(stage: LossStage, count: number, hint: string | null): string {
	const words = LOSSES[stage];
	const advice = hint ?? words.hint;
	const text = `${plural(count, words.one, words.many)}: ${words.why}`;
	return advice === null ? text : `${text} (${advice})`;
}

function plural(count: number, one: string, many: string): string {
	return `${count} ${count === 1 ? one : many}`;
}

function line(text: string): string {
	return `conntracer: ${safeText(text)}\n`;
}
