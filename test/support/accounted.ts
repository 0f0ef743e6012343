/** Two network namespaces, conntrack in one of them, an account of it, and what must hold of one. */

import { expect } from "bun:test";
import type { AccountingRecord, SummaryRecord } from "../../src/flow/records.ts";
import { accountsOf, Conntracer, gapsOf, type Run } from "./conntracer.ts";
import { Conntrack, type Sysctls } from "./conntrack.ts";
import { NamespacePair, type NetworkNamespace } from "./namespaces.ts";
import { ownPrograms, runTraffic, Traffic, type Truth } from "./traffic.ts";

const { names: NAMES, client } = ownPrograms("acc");
/** Name of the process that connects. */
export const CLIENT = client;
/** Where connections of connect() go to. */
export const PORT = 7000;
export type Family = "ipv4" | "ipv6";
/** Two namespaces, conntrack in the left one, and an account of it. */
export class Accounted implements AsyncDisposable {
	readonly pair = new NamespacePair();
	readonly conntrack: Conntrack;
	#conntracer: Conntracer | null = null;

	constructor(sysctls: Sysctls | null = {}) {
		this.conntrack = new Conntrack(this.pair.left, sysctls);
	}

	get left(): NetworkNamespace {
		return this.pair.left;
	}

	get right(): NetworkNamespace {
		return this.pair.right;
	}

	get conntracer(): Conntracer {
		if (this.#conntracer === null) throw new Error("not started");
		return this.#conntracer;
	}

	/** Whether hooks tell of flows that begin and end; else ctnetlink does. */
	get isHooked(): boolean {
		return this.conntracer.ready.hooks["accounting"] !== "ctnetlink";
	}

	async start(...args: readonly string[]): Promise<void> {
		const where = ["--netns", String(this.pair.numbers()[0])];
		this.#conntracer = await Conntracer.run("accounting", ...where, ...args);
	}

	/** Ends all flows, waits for as many ends, and ends the account. */
	async end(flows: number): Promise<Run & { readonly accounts: readonly AccountingRecord[] }> {
		this.conntrack.flush();
		await this.conntracer.until(
			`${flows} ends`,
			(records) => accountsOf(records, isEnd).length >= flows,
		);
		const run = await this.conntracer.stop();
		return { ...run, accounts: accountsOf(run.records) };
	}

	/** Connections from left to right, each with as many bytes; comes back with what the client did. */
	async connect(family: Family, count: number, to: Partial<Target> = {}): Promise<Truth> {
		const { address, port } = { address: this.right[family], port: PORT, ...to };
		const all = ["--count", `${count}`, "--request", "777", "--response", "1234", ...NAMES];
		const listen = ["serve", "--listen", this.right[family], "--port", `${PORT}`, ...all];
		await using server = new Traffic(listen, this.right.prefix);
		await server.ready();
		const client = ["client", "--connect", address, "--port", `${port}`, ...all];
		const { clients } = await runTraffic(client, this.left.prefix);
		await server.finish();
		const [truth] = clients;
		if (truth === undefined) throw new Error("no client");
		return truth;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#conntracer?.[Symbol.asyncDispose]();
		this.pair[Symbol.dispose]();
	}
}

interface Target {
	readonly address: string;
	readonly port: number;
}

export const isEnd = ({ event }: AccountingRecord): boolean => event === "destroy";
export function addUp(accounts: readonly AccountingRecord[]) {
	const sum = (of: (account: AccountingRecord) => number | null): number =>
		accounts.reduce((all, account) => all + (of(account) ?? Number.NaN), 0);
	return {
		out: { packets: sum((a) => a.packets_original), bytes: sum((a) => a.bytes_original) },
		in: { packets: sum((a) => a.packets_reply), bytes: sum((a) => a.bytes_reply) },
	};
}

/** Each flow: an update for its first packet, and its end last. With hooks the first has its size. */
export function expectWhole(accounts: readonly AccountingRecord[], flows: number): void {
	const byFlow = Map.groupBy(accounts, ({ flow_id }) => flow_id);
	expect(byFlow.size).toBe(flows);
	for (const records of byFlow.values()) {
		const [first] = records;
		expect(first).toMatchObject({ event: "update", packets_original: 1, packets_reply: 0 });
		expect(records.map(({ event }) => event)).toEqual([
			...records.slice(1).map(() => "update" as const),
			"destroy",
		]);
		expect(new Set(records.map(({ started }) => started)).size).toBeLessThanOrEqual(2);
	}
}

export function lostOf({ records }: Run): SummaryRecord["lost"] {
	const last = records.at(-1);
	if (last?.type !== "summary") throw new Error("the last record is no summary");
	return last.lost;
}

export function expectNothingLost(run: Run): void {
	expect(gapsOf(run.records)).toEqual([]);
	expect(Object.values(lostOf(run)).every((count) => count === 0)).toBe(true);
	expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
}
