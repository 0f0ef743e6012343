import { expect } from "bun:test";
import type { DnsStatisticsAnswer, DnsStatisticsRow } from "../../src/flow/dns-statistics.ts";
import type { ClientFlows } from "../../src/trace/client-records.ts";
import { datagramsSent, query } from "../support/dns.ts";
import { EventSource } from "../support/event-source.ts";
import { NameScene, PORT } from "../support/names.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { until } from "../support/until.ts";

const ZONE = ["--host-record=web.test,10.77.0.2", "--local=/test/", "--local-ttl=60"];

async function get<T>(service: Service, path: string): Promise<T> {
	return (await (await service.ask(path)).json()) as T;
}

const dns = (service: Service): Promise<DnsStatisticsAnswer> => get(service, "/dns?client_id=a");

kernelTest(
	"names are in connections, flows and events; a resolver that vanishes is told",
	async () => {
		using scratch = new Scratch();
		await using scene = new NameScene();
		const resolver = await scene.serve([], ZONE);
		const { client, asker, pair, netns } = scene;
		const server = pair.right.ipv4;
		const where = ["--dns", "--netns", String(netns)];
		await using service = await Service.start(scratch.in("api.sock"), ...where);
		await using events = await EventSource.open((...of) => service.ask(...of), "/events");
		for (const path of ["/connections", "/flows", "/dns"])
			expect((await service.ask(`${path}?client_id=a`)).status).toBe(200);
		const { address } = await client.hold("web.test", "A", server);
		expect(address).toBe(server);
		const { connections } = await service.connections("a");
		const named = connections.filter(({ remote_port }) => remote_port === PORT);
		expect(named).toMatchObject([{ is_open: true, pid: client.pid, remote_name: "web.test" }]);
		const { flows } = await get<ClientFlows>(service, "/flows?client_id=a");
		expect(flows.filter(({ remote_port }) => remote_port === PORT)).toMatchObject([
			{ remote_name: "web.test", connections_opened: 1 },
		]);
		await events.untilEvents(1);
		expect(events.events[0]).toMatchObject({ event: "connect", remote_name: "web.test" });
		const answered = (await dns(service)).statistics;
		expect(answered).toMatchObject([
			{ netns, transport: "udp", client_address: pair.left.ipv4, server_address: server },
		]);
		expect(summed(answered)).toEqual({ queries: 1, successes: 1, timeouts: 0, failures: {} });
		await resolver[Symbol.asyncDispose]();
		const questions = [1, 2, 3].map((id) => query(id, "web.test", "A"));
		const before = datagramsSent(pair.left);
		await asker.ask("udp", server, questions, 0);
		// The kernel refuses some, once it has heard that nobody is there.
		const asked = datagramsSent(pair.left) - before;
		const late: DnsStatisticsRow[] = [];
		const isAll = async (): Promise<boolean> => {
			late.push(...(await dns(service)).statistics);
			return summed(late).timeouts >= asked;
		};
		await until(`${asked} timeouts`, isAll, { everyMs: 100, soFar: () => summed(late) });
		expect(summed(late)).toEqual({
			...{ queries: asked, successes: 0, timeouts: asked, failures: {} },
		});
		expect(asked).toBeGreaterThan(0);
		expect((await client.attempt({ resolve: null, address: server, port: PORT })).error).toBeNull();
		const metrics = await (await service.ask("/metrics")).text();
		expect(metrics).toContain(`conntracer_dns_queries_total{response_code="timeout"} ${asked}\n`);
		expect(metrics).toContain("conntracer_dns_lookup_duration_seconds_count 1\n");
		await events[Symbol.asyncDispose]();
		await service.stop();
		expect(await service.line("seen")).toContain("nothing lost");
	},
);

kernelTest("without --dns nobody listens, and who asks is told", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	const response = await service.ask("/dns?client_id=a");
	expect(response.status).toBe(400);
	expect(await response.json()).toMatchObject({ code: "usage", hint: "start it with --dns" });
});

function summed(rows: readonly DnsStatisticsRow[]) {
	const sum = { queries: 0, successes: 0, timeouts: 0, failures: {} };
	for (const { queries, successes, timeouts, failures } of rows) {
		sum.queries += queries;
		sum.successes += successes;
		sum.timeouts += timeouts;
		Object.assign(sum.failures, failures);
	}
	return sum;
}
