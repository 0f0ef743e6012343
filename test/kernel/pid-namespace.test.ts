import { describe, expect } from "bun:test";
import { basename } from "node:path";
import type { ConnectionRecord } from "../../src/flow/connection.ts";
import { cProgram } from "../support/c-program.ts";
import {
	Conntracer,
	eventsOf,
	flowsOf,
	processesOf,
	type Conntracer as Run,
	runShell,
} from "../support/conntracer.ts";
import { childOf, PidNamespace } from "../support/pid-namespace.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";

const MISSING = "conntracer: processes outside this pid namespace have no pid";

/** What `list` says inside, and on standard error. */
function listedIn(inside: PidNamespace, ...args: (string | number)[]) {
	const run = runShell(`${inside.prefix.join(" ")} "$CONNTRACER" list --json ${args.join(" ")}`);
	const lines = run.stdout.split("\n").filter((line) => line !== "");
	return { stderr: run.stderr, records: lines.map((line): ConnectionRecord => JSON.parse(line)) };
}

/** A server inside, another one on the host, and a client of each from the other side. */
async function scene(inside: PidNamespace) {
	const here = Puppet.start();
	const there = Puppet.start(inside.prefix);
	const [, port] = await here.listen();
	const [, innerPort] = await there.listen();
	return { here, there, port, innerPort, pidThere: await there.pid() };
}

const NAME = basename(cProgram("puppet")).slice(0, 15);
const PUPPET = { process: NAME, executable: cProgram("puppet") };

describe("in a pid namespace below the first one", () => {
	kernelTest("list has the pids of its own /proc, and never what another process is", async () => {
		await using inside = await PidNamespace.make();
		const { here, there, innerPort, pidThere } = await scene(inside);
		await using _ = here;
		await using __ = there;
		const args = ["--listening", "--local-port", innerPort];
		const expected = {
			...PUPPET,
			pid: pidThere,
			command_line: cProgram("puppet"),
			attribution: "scan",
		};
		expect(listedIn(inside, ...args).records).toMatchObject([expected]);
		// The number that the first namespace has for it is an innocent one's here.
		await inside.startWithPid(childOf(there.startedPid));
		expect(listedIn(inside, ...args).records).toMatchObject([expected]);
		expect(listedIn(inside, ...args, "--pid", pidThere).records).toHaveLength(1);
		expect(listedIn(inside, ...args, "--pid", childOf(there.startedPid)).records).toEqual([]);
	});

	kernelTest("list knows no process of another namespace, and says so", async () => {
		await using inside = await PidNamespace.make();
		const { here, there, port } = await scene(inside);
		await using _ = here;
		await using __ = there;
		const { records, stderr } = listedIn(inside, "--listening", "--local-port", port);
		const none = { pid: null, process: null, executable: null, command_line: null };
		expect(records).toMatchObject([none]);
		expect(stderr).toStartWith(MISSING);
		expect(stderr.trimEnd().split("\n")).toHaveLength(1);
	});

	kernelTest("events have the pids of its own /proc, or none", async () => {
		await using inside = await PidNamespace.make();
		const { here, there, port, innerPort, pidThere } = await scene(inside);
		await using _ = here;
		await using __ = there;
		await using run: Run = await Conntracer.runAs(inside.conntracer, "events");
		const [fd] = await there.connect(port);
		await there.call("close", fd);
		const [other] = await here.connect(innerPort);
		await here.call("close", other);
		const of = (remote: number) =>
			eventsOf(
				run.records,
				(event) => event.remote_port === remote && event.direction === "active",
			);
		await run.until("four events", () => of(port).length + of(innerPort).length === 4);
		const known = { ...PUPPET, uid: 0, attribution: "task" };
		const mine = { ...known, pid: pidThere, tid: pidThere, command_line: cProgram("puppet") };
		expect(of(port)).toMatchObject([mine, mine]);
		const others = { ...known, pid: null, tid: null, command_line: null };
		expect(of(innerPort)).toMatchObject([others, others]);
	});

	kernelTest("flows and processes have the pids of its own /proc, or none", async () => {
		await using inside = await PidNamespace.make();
		const { here, there, port, innerPort, pidThere } = await scene(inside);
		await using _ = here;
		await using __ = there;
		await using watch: Run = await Conntracer.runAs(inside.conntracer, "watch", "-i", "250ms");
		await using top: Run = await Conntracer.runAs(
			inside.conntracer,
			"top",
			"--by",
			"process",
			"-i",
			"250ms",
		);
		await there.connect(port);
		await here.connect(innerPort);
		const flow = (remote: number) =>
			flowsOf(
				watch.records,
				({ listen_port, direction }) => listen_port === remote && direction === "active",
			);
		await watch.until("both flows", () => flow(port).length > 0 && flow(innerPort).length > 0);
		expect(flow(port)[0]).toMatchObject({ process: NAME, last_pid: pidThere, uid: 0 });
		expect(flow(innerPort)[0]).toMatchObject({ process: NAME, last_pid: null, uid: 0 });
		const active = ({
			process,
			connections_opened,
		}: {
			process: string | null;
			connections_opened: number;
		}) => process === NAME && connections_opened > 0;
		await top.until(
			"both processes",
			(records) => new Set(processesOf(records, active).map(({ pid }) => pid)).size > 1,
		);
		expect(new Set(processesOf(top.records, active).map(({ pid }) => pid))).toEqual(
			new Set([pidThere, null]),
		);
	});

	kernelTest("a filter means the pids of its own /proc", async () => {
		await using inside = await PidNamespace.make();
		const { here, there, port, pidThere } = await scene(inside);
		await using _ = here;
		await using __ = there;
		const filter = ["--pid", String(pidThere)];
		await using run: Run = await Conntracer.runAs(inside.conntracer, "events", ...filter);
		await there.connect(port);
		await run.until("an event", (records) => eventsOf(records).length > 0);
		expect(eventsOf(run.records)).toMatchObject([
			{ event: "connect", remote_port: port, pid: pidThere },
		]);
	});
});

kernelTest("from outside, processes of a pid namespace have the pids that we see", async () => {
	await using inside = await PidNamespace.make();
	const { here, there, port, innerPort } = await scene(inside);
	await using _ = here;
	await using __ = there;
	await using run = await Conntracer.run("events", "--remote-port", String(port));
	await there.connect(port);
	await run.until("an event", (records) => eventsOf(records).length > 0);
	const pid = childOf(there.startedPid);
	const expected = { ...PUPPET, pid, command_line: cProgram("puppet") };
	expect(eventsOf(run.records)).toMatchObject([expected]);
	const { stdout, stderr } = runShell(
		`"$CONNTRACER" list --listening --json --local-port ${innerPort}`,
	);
	expect(JSON.parse(stdout)).toMatchObject(expected);
	expect(stderr).toBe("");
});
