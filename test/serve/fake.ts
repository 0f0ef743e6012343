/** What is served, without a tracer. */

import { UsageError } from "../../src/errors.ts";
import type { ClientState } from "../../src/flow/client-answers.ts";
import { DnsStatistics, type DnsStatisticsAnswer } from "../../src/flow/dns-statistics.ts";
import { flowsOfChanges } from "../../src/flow/flows-of-changes.ts";
import type { Aggregate } from "../../src/flow/records.ts";
import type { Asker } from "../../src/serve/query.ts";
import { respond, type Served, type Telling } from "../../src/serve/routes.ts";
import type {
	ClientConnection,
	ClientConnections,
	ClientFlows,
} from "../../src/trace/client-records.ts";
import { examine } from "../../src/trace/doctor.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";
import { PROBES } from "./fixtures.ts";

const CHANGE = {
	...{ connections_opened: 1, connections_failed: 0, connections_closed: 0 },
	...{ bytes_sent: 5, bytes_received: 7, segments_sent: 3 },
	...{ segments_received: 4, segments_retransmitted: 0 },
};
export const CONNECTION: ClientConnection = {
	...{ id: "1", transport: "tcp", family: "ipv4", direction: "active", state: "ESTABLISHED" },
	...{ local_address: "10.0.0.1", local_port: 40_000, remote_address: "10.0.0.2" },
	...{ remote_port: 443, pid: 7, tid: 7, process: "evil\u001b[31m\u009b", executable: null },
	...{ command_line: null, uid: 0, netns: 1, cgroup_id: "1", container_id: null },
	...{ attribution: "task", opened: null, preexisting: true, duration_ms: null },
	...CHANGE,
	...{ rtt_us: null, rtt_var_us: null, rtt_min_us: null, connect_latency_us: null },
	...{ nat: null, remote_name: null, error: null, close_reason: null },
};
export const ANSWER: ClientConnections = {
	...{ cursor: "0123abcd-7", is_new: false, interval_ms: 1000 },
	connections: [{ ...CONNECTION, is_open: true, connections: 1, since_last: CHANGE }],
	lost: { closed: 1, open: 0 },
	gaps: [{ type: "gap", from: "f", to: "t", stage: "ring_buffer", count: 3, hint: null }],
};

/** Of this machine, with whatever rights there are. */
const DOCTOR = examine({ btfPath: null, libbpfPath: null, hooks: "auto", version: "1" });

/** One client knows of one answer. */
const DNS = new DnsStatistics();
DNS.ask("me", 0);
const PLACE = {
	netns: 1,
	client_address: "10.0.0.1",
	server_address: "10.0.0.53",
	server_port: 53,
};
DNS.add(
	{ ...PLACE, transport: "udp" },
	{ time: "t", response_code: "NXDOMAIN", latency_us: 1500 },
	0,
);

/** With room for so many clients. */
export class Fake implements Served {
	readonly asked: string[] = [];
	readonly forgotten: string[] = [];
	readonly isAll: boolean[] = [];
	readonly cursors: (string | null)[] = [];
	/** Whether answers were handed over whole. */
	readonly delivered: boolean[] = [];
	answer = ANSWER;
	room = 1000;

	connections({ clientId, cursor }: Asker, isAll: boolean): Telling<ClientConnections> | null {
		this.isAll.push(isAll);
		this.asked.push(clientId);
		this.cursors.push(cursor);
		return this.asked.length > this.room ? null : this.#telling(this.answer);
	}

	forget(clientId: string): void {
		this.forgotten.push(clientId);
	}

	flows(_: Asker, aggregate: Aggregate): Telling<ClientFlows> | null {
		const { connections, ...rest } = ANSWER;
		return this.#telling({ ...rest, flows: flowsOfChanges(connections, aggregate, "now", 5) });
	}

	forgetFlows(clientId: string): void {
		this.forgotten.push(`flows of ${clientId}`);
	}

	events(query: URLSearchParams, lastId: string | null): ReadableStream<Uint8Array> | null {
		if (query.has("wrong")) throw new UsageError("wrong", "right");
		return this.room === 0 ? null : new Response(`data: ${lastId}\n\n`).body;
	}

	dns({ clientId }: Asker): Telling<DnsStatisticsAnswer> | null {
		if (clientId === "deaf") throw new UsageError("this service does not hear DNS", "--dns");
		const answer = this.room === 0 ? null : DNS.ask(clientId, 0);
		return answer === null ? null : this.#telling(answer);
	}

	forgetDns(clientId: string): void {
		this.forgotten.push(`dns of ${clientId}`);
	}

	doctor(): ReturnType<Served["doctor"]> {
		return DOCTOR;
	}

	debugMaps(): readonly ClientConnection[] {
		return [CONNECTION];
	}

	debugState(): readonly ClientState[] {
		const lost = { closed: 0, open: 0 };
		return [{ client: "a", asked_ms_ago: 5, open: 1, gone: 0, closed: 2, lost }];
	}

	metrics(): ReturnType<Served["metrics"]> {
		return Promise.resolve({ text: "up 1\n", contentType: "text/plain" });
	}

	stats(): ReturnType<Served["stats"]> {
		return {
			...{ version: "1", kernel: "6.1", hooks: { accept: "fentry" }, uptime_ms: 5, clients: 1 },
			probes: PROBES,
			...{ readers: 0, resets: 0, lost: NOTHING_LOST, cpu_ms: 1.5, peak_memory_bytes: 7 },
		};
	}

	#telling<A>(answer: A): Telling<A> {
		return { answer, delivered: (isWhole) => void this.delivered.push(isWhole) };
	}
}

export const ask = (path: string, method = "GET", served: Served = new Fake()): Promise<Response> =>
	respond(new Request(`http://localhost${path}`, { method }), served);
