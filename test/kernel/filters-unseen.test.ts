/** Filters in the kernel: what is not shown is still counted right, and what may be wanted passes. */

import { describe, expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import {
	addUp,
	Conntracer,
	eventsOf,
	flowsOf,
	type OutputRecord,
	summaryOf,
} from "../support/conntracer.ts";
import { expectNothingLost, sideOf } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { CLIENT, isOurs, NOISE, untilEnded, WANTED } from "../support/scene.ts";
import { runTraffic, Traffic } from "../support/traffic.ts";

describe("the proof holds for what nobody asked for", () => {
	const CASES: [what: string, args: string[], failed: Record<string, number>][] = [
		["refused", ["refused", "--count", "30"], { ECONNREFUSED: 30 }],
		["timed out", ["abandoned", "--count", "30", "--user-timeout", "200"], { ETIMEDOUT: 30 }],
		["given up", ["abandoned", "--count", "30"], {}],
		["reset", ["churn", "--count", "30", "--rst"], {}],
		["used again after connect(AF_UNSPEC)", ["churn", "--count", "30", "--disconnect"], {}],
	];
	for (const [what, args, failed] of CASES)
		kernelTest(what, async () => {
			await using conntracer = await Conntracer.run("events", "-p", `${process.pid}`);
			const { clients } = await runTraffic([...args, ...NOISE.names]);
			expect(clients[0]?.failed).toMatchObject(failed);
			const run = await conntracer.stop();
			expect(run.records.filter(isOurs)).toEqual([]);
			const { seen } = summaryOf(run.records);
			expect(seen.active_opens).toBeGreaterThanOrEqual(clients[0]?.opened ?? 0);
			expectNothingLost(run);
		});

	kernelTest("attempts that find no local port are not counted as opened", async () => {
		await using conntracer = await Conntracer.run("events", "-p", `${process.pid}`);
		const args = ["hold", "--count", "5", "--local-port", "31989", ...NOISE.names];
		await using traffic = new Traffic(args);
		await traffic.held();
		const { clients } = await traffic.finish();
		expect(clients[0]).toMatchObject({ opened: 1, failed: { EADDRNOTAVAIL: 4 } });
		expectNothingLost(await conntracer.stop());
	});
});

kernelTest("one socket, asked for in every second of its lives", async () => {
	await using traffic = new Traffic([
		...["churn", "--disconnect", "--wait", "--count", "40", "--ports", "2"],
		...["--request", "777", "--response", "1234", ...WANTED.names],
	]);
	const { ports } = await traffic.ready();
	await using conntracer = await Conntracer.startTcp("--remote-port", `${ports[0]}`);
	traffic.go();
	await traffic.finish();
	await untilEnded(conntracer, CLIENT, 20);
	const run = await conntracer.stop();
	expect(addUp(sideOf(run, WANTED.client, "active"))).toEqual({
		connections_opened: 20,
		connections_failed: 0,
		connections_closed: 20,
		bytes_sent: 20 * 777,
		bytes_received: 20 * 1234,
	});
	expectNothingLost(run);
});

/** Listens, and has a child that accepts: prints the port and the child's pid. */
const PRE_FORKING = `
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
bind($s, sockaddr_in(0, INADDR_LOOPBACK)) and listen($s, 9) or die $!;
my ($port) = sockaddr_in(getsockname($s));
my $worker = fork // die $!;
if ($worker == 0) {
	accept(my $c, $s) or die $!;
	sysread($c, my $request, 9) and syswrite($c, "x" x 1234);
	1 while sysread($c, $request, 9);
	close $c;
	exit 0;
}
syswrite(STDOUT, "$port $worker\\n");
waitpid($worker, 0);
`;

kernelTest("-p of a worker that accepts what its parent listens for", async () => {
	const server = Bun.spawn(["perl", "-e", PRE_FORKING], { stdout: "pipe" });
	const { value } = await server.stdout.getReader().read();
	const [port = 0, worker = 0] = new TextDecoder().decode(value).trim().split(" ").map(Number);
	await using conntracer = await Conntracer.run("events", "-p", `${worker}`);
	const args = ["client", "--port", `${port}`, "--request", "9", "--response", "1234"];
	await runTraffic([...args, ...NOISE.names]);
	expect(await server.exited).toBe(0);
	const isClose = (records: readonly OutputRecord[]) =>
		eventsOf(records, ({ event }) => event === "close");
	await conntracer.until("the close", (records) => isClose(records).length > 0);
	const run = await conntracer.stop();
	expect(isClose(run.records)).toMatchObject([
		{ pid: worker, local_port: port, direction: "passive", bytes_sent: 1234, bytes_received: 9 },
	]);
	expectNothingLost(run);
});

kernelTest("-p of a server, for what waits to be accepted at the start", async () => {
	await using traffic = new Traffic(["serve", "--count", "1", ...WANTED.names]);
	const { ports, pids } = await traffic.ready();
	const [port = 0, pid = 0] = [ports[0], pids[0]];
	process.kill(pid, "SIGSTOP");
	let received = 0;
	const closed = Promise.withResolvers<void>();
	const data = (socket: Bun.Socket, chunk: Uint8Array): void => {
		received += chunk.length;
		if (received === 200) socket.end();
	};
	const socket = await Bun.connect({
		...{ hostname: "127.0.0.1", port },
		socket: { data, close: () => closed.resolve() },
	});
	await using conntracer = await Conntracer.startTcp("-p", `${pid}`);
	expect(conntracer.ready.open_connections).toBe(1);
	process.kill(pid, "SIGCONT");
	socket.write("x".repeat(100));
	await closed.promise;
	await conntracer.untilClosed(1, isOurs);
	const run = await conntracer.stop();
	expect(addUp(sideOf(run, WANTED.server, "passive"))).toEqual({
		connections_opened: 0,
		connections_failed: 0,
		connections_closed: 1,
		bytes_sent: 200,
		bytes_received: 100,
	});
	expectNothingLost(run);
});

/** One socket: reset by its first peer, then connected to a second one. */
const SECOND_LIFE = `
use Socket;
sub listener {
	socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
	bind($s, sockaddr_in(0, INADDR_LOOPBACK)) and listen($s, 9) or die $!;
	return $s;
}
my ($first, $second) = (listener(), listener());
my ($port) = sockaddr_in(getsockname($first));
syswrite(STDOUT, "$port\\n");
<STDIN>;
socket(my $c, PF_INET, SOCK_STREAM, 0) or die $!;
connect($c, getsockname($first)) and accept(my $rude, $first) or die $!;
syswrite($rude, "x" x 10) and sysread($c, my $got, 10) == 10 or die $!;
setsockopt($rude, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0)) and close $rude or die $!;
die "not reset" if defined sysread($c, $got, 10);
connect($c, pack("S x14", AF_UNSPEC)) and connect($c, getsockname($second)) or die $!;
accept(my $peer, $second) or die $!;
syswrite($peer, "x" x 5000) or die $!;
for (my $left = 5000; $left > 0;) { $left -= sysread($c, $got, $left) || die $!; }
close $c;
`;

kernelTest(
	"the second life of a socket, which nobody asked for, is not added to the first",
	async () => {
		const program = Bun.spawn(["perl", "-e", SECOND_LIFE], { stdin: "pipe", stdout: "pipe" });
		const { value } = await program.stdout.getReader().read();
		const port = Number(new TextDecoder().decode(value));
		await using conntracer = await Conntracer.startTcp("--remote-port", `${port}`);
		program.stdin.write("\n");
		program.stdin.end();
		expect(await program.exited).toBe(0);
		const isFirst = (flow: FlowRecord): boolean => flow.listen_port === port;
		await conntracer.untilClosed(1, isFirst);
		const run = await conntracer.stop();
		expect(addUp(flowsOf(run.records, isFirst))).toEqual({
			connections_opened: 1,
			connections_failed: 0,
			connections_closed: 1,
			bytes_sent: 0,
			bytes_received: 10,
		});
		expectNothingLost(run);
	},
);
