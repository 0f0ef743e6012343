import { describe, expect } from "bun:test";
import type { ConnectionRecord } from "../../src/flow/connection.ts";
import { runShell } from "../support/conntracer.ts";
import { listed as list } from "../support/listing.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("lst");
const HOLD = ["hold", "--request", "1000", "--response", "3000", ...NAMES];
const STILL_OPEN = "read -r _ <&0";

const ofProcess = (name: string): ConnectionRecord[] => list("--process", name);
const states = (found: readonly ConnectionRecord[]): string[] => found.map(({ state }) => state);

/** A program with a TCP socket as fd 3. It says when it is connected, and ends with its input. */
async function holder(port: number, afterwards: string) {
	const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; ${afterwards}`;
	const child = Bun.spawn(["bash", "-c", script], { stdin: "pipe", stdout: "pipe" });
	const reader = child.stdout.getReader();
	const said = new TextDecoder().decode((await reader.read()).value);
	return {
		pid: child.pid,
		said,
		async [Symbol.asyncDispose]() {
			child.kill("SIGKILL");
			await child.exited;
		},
	};
}

/** A server that listens and never accepts. */
async function deafServer(): Promise<{ traffic: Traffic; port: number; pid: number }> {
	const traffic = new Traffic([...HOLD, "--wait"]);
	const { ports, pids } = await traffic.ready();
	const [port = 0, pid = 0] = [ports[0], pids[0]];
	process.kill(pid, "SIGSTOP");
	return { traffic, port, pid };
}

for (const [what, listen, connect, family] of [
	["IPv4", "127.0.0.1", "127.0.0.1", "ipv4"],
	["IPv6", "::1", "::1", "ipv6"],
	["IPv4-mapped", "::", "::ffff:127.0.0.1", "ipv4"],
] as const)
	kernelTest(`${what} connections have their owner and what they moved`, async () => {
		const address = connect.replace("::ffff:", "");
		await using traffic = new Traffic([
			...[...HOLD, "--count", "20", "--listen", listen, "--connect", connect],
		]);
		await traffic.held();
		for (const name of [CLIENT, SERVER])
			for (const connection of ofProcess(name))
				expect(connection).toMatchObject({ bytes_sent: 0, bytes_received: 0 });
		await traffic.step();
		const { clients, servers } = await traffic.step();
		for (const [name, direction, truth, sent, received] of [
			[CLIENT, "active", clients[0], 2000, 6000],
			[SERVER, "passive", servers[0], 6000, 2000],
		] as const) {
			const found = ofProcess(name);
			expect(found.length).toBe(20);
			expect(new Set(found.map(({ fd }) => fd)).size).toBe(20);
			for (const connection of found)
				expect(connection).toMatchObject({
					...{ type: "connection", transport: "tcp", family, direction, state: "ESTABLISHED" },
					...{ local_address: address, remote_address: address, closing: false },
					...{ pid: truth?.pid, tid: truth?.pid, uid: 0, attribution: "scan", holders: [] },
					...{ netns: truth?.netns, bytes_sent: sent, bytes_received: received },
					...{ preexisting: true, opened: null, duration_ms: null, connect_latency_us: null },
					command_line: expect.stringContaining("--request 1000 --response 3000"),
					executable: expect.stringContaining("/traffic-"),
					rtt_us: expect.any(Number),
				});
		}
		const ports = ofProcess(CLIENT).map(({ local_port }) => local_port);
		expect(ports.sort()).toEqual([...(clients[0]?.local_ports ?? [])].sort());
		expect(
			ofProcess(SERVER)
				.map(({ remote_port }) => remote_port ?? 0)
				.sort(),
		).toEqual(ports);
		await traffic.finish();
		expect(ofProcess(CLIENT)).toEqual([]);
	});

kernelTest("other network namespaces are seen, and agree with ss", async () => {
	using pair = new NamespacePair();
	const { left, right } = pair;
	const listen = [...HOLD, "--count", "2000", "--wait", "--listen", left.ipv4];
	await using traffic = new Traffic([...listen, "--connect", left.ipv4], left.prefix);
	const { ports } = await traffic.ready();
	traffic.go();
	await traffic.held();
	const { clients, servers } = await traffic.step();
	const found = list("--netns", `/run/netns/${left.name}`);
	const counted = runShell(`${left.prefix.join(" ")} ss -tnH | wc -l`);
	expect(found.length).toBe(Number(counted.stdout));
	expect(found.length).toBe(4000);
	expect(new Set(found.map(({ id }) => id)).size).toBe(4000);
	const sum = (field: "bytes_sent" | "bytes_received", name: string) =>
		found.filter((c) => c.process === name).reduce((total, c) => total + (c[field] ?? 0), 0);
	expect(sum("bytes_sent", CLIENT)).toBe(clients[0]?.bytes_sent ?? 0);
	expect(sum("bytes_received", CLIENT)).toBe(clients[0]?.bytes_received ?? 0);
	expect(sum("bytes_sent", SERVER)).toBe(servers[0]?.bytes_sent ?? 0);
	expect(sum("bytes_received", SERVER)).toBe(servers[0]?.bytes_received ?? 0);
	expect(new Set(found.filter((c) => c.direction === "passive").map((c) => c.local_port))).toEqual(
		new Set(ports),
	);
	expect(list("--netns", `/run/netns/${right.name}`)).toEqual([]);
});

kernelTest("half-closed connections are closing, and the FIN is no byte", async () => {
	await using traffic = new Traffic([...HOLD, "--count", "5", "--half-close"]);
	await traffic.held();
	await traffic.step();
	// The acknowledgement of the last FIN may still be on its way.
	let client = ofProcess(CLIENT);
	for (let looks = 0; looks < 50 && states(client).includes("FIN_WAIT1"); looks++)
		client = ofProcess(CLIENT);
	const server = ofProcess(SERVER);
	expect(states(client)).toEqual(Array(5).fill("FIN_WAIT2"));
	expect(states(server)).toEqual(Array(5).fill("CLOSE_WAIT"));
	for (const connection of client)
		expect(connection).toMatchObject({ closing: true, bytes_sent: 1000, bytes_received: 3000 });
	for (const connection of server)
		expect(connection).toMatchObject({ closing: true, bytes_sent: 3000, bytes_received: 1000 });
});

kernelTest("a socket that several programs hold is listed once, with all of them", async () => {
	await using traffic = new Traffic([...HOLD, "--count", "1", "--wait"]);
	const { ports } = await traffic.ready();
	const port = ports[0] ?? 0;
	await using parent = await holder(port, `sleep 1000 & echo $!; ${STILL_OPEN}`);
	const child = Number(parent.said);
	try {
		const expected = { pid: parent.pid, fd: 3, holders: [{ pid: child, fd: 3 }] };
		const shared = (found: readonly ConnectionRecord[]) =>
			found.filter((c) => c.direction === "active");
		expect(shared(list("--port", `${port}`))).toMatchObject([expected]);
		// Whoever of them is asked for.
		expect(list("--pid", `${child}`)).toMatchObject([expected]);
	} finally {
		process.kill(child, "SIGKILL");
	}
});

describe("a connection without a program", () => {
	kernelTest("that waits to be accepted is listed, until it is reset", async () => {
		const { traffic, port, pid } = await deafServer();
		await using _ = traffic;
		await using client = await holder(port, `printf hello >&3; echo; ${STILL_OPEN}`);
		const nobody = { pid: null, fd: null, process: null, uid: null, attribution: null };
		const found = list("--port", `${port}`);
		expect(found.find((c) => c.direction === "passive")).toMatchObject({
			...{ ...nobody, executable: null, state: "ESTABLISHED", local_port: port },
			...{ bytes_sent: 0, bytes_received: 0 },
		});
		expect(found.find((c) => c.direction === "active")).toMatchObject({
			...{ pid: client.pid, fd: 3, bytes_sent: 5, bytes_received: 0 },
		});
		expect(found.length).toBe(2);
		process.kill(pid, "SIGKILL");
		await traffic.finish().catch(() => {});
		expect(list("--port", `${port}`)).toEqual([]);
	});

	kernelTest("that its program has closed is listed, until all is sent", async () => {
		const { traffic, port } = await deafServer();
		await using _ = traffic;
		// More than the other side takes, so that the FIN has to wait.
		const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; head -c 500000 /dev/zero >&3`;
		expect(Bun.spawnSync(["bash", "-c", script]).exitCode).toBe(0);
		expect(list("--remote-port", `${port}`)).toMatchObject([
			{ state: "FIN_WAIT1", direction: "active", pid: null, closing: true, bytes_sent: 500_000 },
		]);
		expect(list("--local-port", `${port}`)).toMatchObject([
			{ state: "ESTABLISHED", direction: "passive", pid: null, bytes_received: 0 },
		]);
	});
});

kernelTest("listening sockets are there when they are asked for", async () => {
	await using traffic = new Traffic([...HOLD, "--count", "1", "--wait", "--ports", "2"]);
	const { ports, pids } = await traffic.ready();
	expect(ofProcess(SERVER)).toEqual([]);
	const found = list("--listening", "--process", SERVER);
	expect(found.map(({ local_port }) => local_port).sort()).toEqual([...ports].sort());
	for (const listener of found)
		expect(listener).toMatchObject({
			...{ state: "LISTEN", direction: "passive", pid: pids[0], local_address: "127.0.0.1" },
			...{ remote_address: null, remote_port: null, closing: false },
		});
});

kernelTest("a family of hooks that is set for all commands has no part in a list", async () => {
	for (const family of ["fentry", "kprobe", "tracepoint"]) {
		const run = runShell(`CONNTRACER_HOOKS=${family} "$CONNTRACER" list --listening --json`);
		expect([family, run.exitCode, run.stderr]).toEqual([family, 0, ""]);
	}
});
