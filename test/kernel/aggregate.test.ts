import { describe, expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { someOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { type Outcome, Traffic } from "../support/traffic.ts";

const COUNT = 5;
const PREFIX = `a${process.pid.toString(36)}-`;

function isOurs(flow: FlowRecord): boolean {
	return flow.process?.startsWith(PREFIX) === true;
}

/** Two pairs of programs that wait for each other: IPv4 and IPv6. */
class Mixture implements AsyncDisposable {
	readonly four = pair("four", "127.0.0.1");
	readonly six = pair("six", "::1");

	async ready() {
		const [four, six] = [await this.four.ready(), await this.six.ready()];
		const [fourServer = 0, fourClient = 0] = four.pids;
		return { fourPort: four.ports[0] ?? 0, sixPort: six.ports[0] ?? 0, fourServer, fourClient };
	}

	async run(): Promise<{ four: Outcome; six: Outcome }> {
		this.four.go();
		this.six.go();
		return { four: await this.four.finish(), six: await this.six.finish() };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.four[Symbol.asyncDispose]();
		await this.six[Symbol.asyncDispose]();
	}
}

function pair(name: string, address: string): Traffic {
	const where = ["--listen", address, "--connect", address];
	const names = ["--client-name", `${PREFIX}${name}-c`, "--server-name", `${PREFIX}${name}-s`];
	return new Traffic(["churn", "--wait", "--count", `${COUNT}`, ...where, ...names]);
}

describe("keys of a flow", () => {
	async function watch(aggregate: string, matches: (flow: FlowRecord, port: number) => boolean) {
		await using mixture = new Mixture();
		const { fourPort } = await mixture.ready();
		await using conntracer = await Conntracer.startTcp("--aggregate", aggregate);
		const { four } = await mixture.run();
		await conntracer.untilClosed(2 * COUNT, (flow) => matches(flow, fourPort));
		const { records } = await conntracer.stop();
		const flows = flowsOf(records, (flow) => matches(flow, fourPort));
		return { flows, port: fourPort, client: four.clients[0] };
	}

	const byPort = (flow: FlowRecord, port: number) => flow.listen_port === port;

	kernelTest("process: the ephemeral port is dropped", async () => {
		const { flows, port } = await watch("process", byPort);
		for (const direction of ["active", "passive"] as const) {
			const side = flows.filter((flow) => flow.direction === direction);
			expect(addUp(side).connections_opened).toBe(COUNT);
			for (const flow of side) {
				expect(flow.listen_port).toBe(port);
				expect((direction === "active" ? flow.local_port : flow.remote_port) ?? null).toBeNull();
				expect(flow).toMatchObject({
					process: direction === "active" ? `${PREFIX}four-c` : `${PREFIX}four-s`,
					transport: "tcp",
					family: "ipv4",
					local_address: "127.0.0.1",
					remote_address: "127.0.0.1",
					uid: 0,
				});
			}
		}
	});

	kernelTest("service: whose it is plays no part", async () => {
		const { flows } = await watch("service", byPort);
		const keys = flows.map((flow) => [flow.direction, flow.process, flow.cgroup_id].join());
		expect(new Set(keys).size).toBe(2);
		expect(addUp(flows).connections_opened).toBe(2 * COUNT);
	});

	kernelTest("connection: both ports stay", async () => {
		const { flows, port, client } = await watch("connection", byPort);
		const active = flows.filter((flow) => flow.direction === "active");
		const opened = active.filter((flow) => flow.connections_opened > 0);
		expect(opened.map((flow) => flow.local_port).sort()).toEqual(
			[...(client?.local_ports ?? [])].sort(),
		);
		expect(new Set(active.map((flow) => flow.remote_port))).toEqual(new Set([port]));
		const passive = flows.filter((flow) => flow.direction === "passive");
		expect(new Set(passive.map((flow) => flow.remote_port))).toEqual(
			new Set(client?.local_ports ?? []),
		);
		expect(Math.max(...flows.map((flow) => flow.connections_opened))).toBe(1);
	});
});

describe("filters select exactly", () => {
	type Known = Awaited<ReturnType<Mixture["ready"]>>;
	const cases: [name: string, args: (known: Known) => string[], processes: string[]][] = [
		["nothing: all", () => [], ["four-c", "four-s", "six-c", "six-s"]],
		["--process", () => ["--process", `${PREFIX}four-c`], ["four-c"]],
		["--port", (known) => ["--port", `${known.sixPort}`], ["six-c", "six-s"]],
		["--local-port", (known) => ["--local-port", `${known.sixPort}`], ["six-s"]],
		["--remote-port", (known) => ["--remote-port", `${known.sixPort}`], ["six-c"]],
		["--remote", () => ["--remote", "127.0.0.0/8"], ["four-c", "four-s"]],
		["--remote of IPv6", () => ["--remote", "::1"], ["six-c", "six-s"]],
		["--local", () => ["--local", "::1/128"], ["six-c", "six-s"]],
		["--pid", (known) => ["--pid", `${known.fourServer}`], ["four-s"]],
		[
			"--pid, two of them",
			(known) => ["-p", `${known.fourServer},${known.fourClient}`],
			["four-c", "four-s"],
		],
		["--direction active", () => ["--direction", "active"], ["four-c", "six-c"]],
		["--direction passive", () => ["--direction", "passive"], ["four-s", "six-s"]],
		["-4", () => ["-4"], ["four-c", "four-s"]],
		["-6", () => ["-6"], ["six-c", "six-s"]],
		["--uid 0", () => ["--uid", "0"], ["four-c", "four-s", "six-c", "six-s"]],
		["--transport tcp", () => ["--transport", "tcp"], ["four-c", "four-s", "six-c", "six-s"]],
		["--remote and --direction", () => ["--remote", "::1", "--direction", "active"], ["six-c"]],
		["--remote !", () => ["--remote", "!127.0.0.0/8"], ["six-c", "six-s"]],
		[
			"--netns by path",
			() => ["--netns", "/proc/self/ns/net"],
			["four-c", "four-s", "six-c", "six-s"],
		],
	];
	for (const [name, args, processes] of someOf(cases, 3))
		kernelTest(name, async () => {
			await using mixture = new Mixture();
			const known = await mixture.ready();
			await using conntracer = await Conntracer.start(...args(known));
			await mixture.run();
			await conntracer.untilClosed(processes.length * COUNT, isOurs);
			const flows = flowsOf((await conntracer.stop()).records, isOurs);
			expect([...new Set(flows.map((flow) => flow.process))].sort()).toEqual(
				processes.map((process) => `${PREFIX}${process}`),
			);
			expect(addUp(flows).connections_opened).toBe(processes.length * COUNT);
		});

	for (const [name, args] of [
		["--uid of nobody", ["--uid", "65534"]],
		["--netns of nobody", ["--netns", "1"]],
		["--process of nobody", ["--process", PREFIX]],
	] as const)
		kernelTest(`${name}: none`, async () => {
			await using mixture = new Mixture();
			await mixture.ready();
			await using conntracer = await Conntracer.start(...args);
			await mixture.run();
			const run = await conntracer.stop();
			expect(flowsOf(run.records, isOurs)).toEqual([]);
			expect(run.exitCode).toBe(0);
		});
});
