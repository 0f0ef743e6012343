import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { Prometheus } from "../support/prometheus.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("prom");
/** Rounds of load, with scrapes in between; CONNTRACER_SCRAPE_ROUNDS for more. */
const ROUNDS = Number(process.env["CONNTRACER_SCRAPE_ROUNDS"] ?? 5);
const COUNT = 1000;

kernelTest("what Prometheus has stored is what the programs did", async () => {
	using scratch = new Scratch();
	const [file, token] = [scratch.in("token"), "a-token-of-a-test-0123456789"];
	writeFileSync(file, token, { mode: 0o600 });
	const listen = ["--listen", "127.0.0.1:0", "--token-file", file];
	await using service = await Service.start(scratch.in("api.sock"), ...listen);
	const [, target = ""] = /http:\/\/(\S+)/.exec(await service.line("serving")) ?? [];
	await using prometheus = await Prometheus.start(scratch, target, file);
	const truth = { clients: totals([]), servers: totals([]) };
	for (let round = 0; round < ROUNDS; round++) {
		const args = ["churn", "--count", `${COUNT}`, "--request", "777", "--response", "1234"];
		const { clients, servers } = await runTraffic([...args, ...NAMES]);
		truth.clients = sumOf(truth.clients, totals(clients));
		truth.servers = sumOf(truth.servers, totals(servers));
		const before = await prometheus.scrapes();
		const isScraped = async (): Promise<boolean> => (await prometheus.scrapes()) > before;
		await until("a scrape after the round", isScraped, { everyMs: 200 });
	}
	const closed = (name: string): Promise<Record<string, number>> =>
		prometheus.by("process", `conntracer_connections_closed_total{process="${name}"}`);
	let stored: Record<string, number> = {};
	const isStored = async (name: string): Promise<boolean> => {
		stored = await closed(name);
		return stored[name] === ROUNDS * COUNT;
	};
	const areBothStored = async (): Promise<boolean> =>
		(await isStored(CLIENT)) && (await isStored(SERVER));
	const soFar = (): unknown => stored;
	await until("all to be stored", areBothStored, { everyMs: 200, soFar });
	for (const [name, side] of [
		[CLIENT, truth.clients],
		[SERVER, truth.servers],
	] as const) {
		expect(await closed(name)).toEqual({ [name]: side.opened });
		const io = `conntracer_io_bytes_total{process="${name}"}`;
		expect(await prometheus.by("network_io_direction", io)).toEqual({
			...{ transmit: side.bytes_sent, receive: side.bytes_received },
		});
	}
	expect(await prometheus.by("job", "min_over_time(up[10m])")).toEqual({ conntracer: 1 });
	expect(await prometheus.by("stage", "conntracer_lost_total > 0")).toEqual({});
});

kernelTest("promtool has no complaint of what is served", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"), "--dns", "--verbose");
	await runTraffic(["churn", "--count", "10", ...NAMES]);
	const response = await service.ask("/metrics");
	expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
	const text = await response.text();
	expect(text).toContain(`process="${CLIENT}"`);
	for (const name of ["dns_queries_total", "bpf_program_runs_total", "map_entries"])
		expect(text).toContain(`\nconntracer_${name}{`);
	const check = Bun.spawnSync(["promtool", "check", "metrics"], { stdin: Buffer.from(text) });
	expect({ exitCode: check.exitCode, said: `${check.stdout}${check.stderr}` }).toEqual({
		...{ exitCode: 0, said: "" },
	});
});

type Totals = ReturnType<typeof totals>;

const sumOf = (a: Totals, b: Totals): Totals => ({
	opened: a.opened + b.opened,
	bytes_sent: a.bytes_sent + b.bytes_sent,
	bytes_received: a.bytes_received + b.bytes_received,
});
