import { describe, expect } from "bun:test";
import { statSync } from "node:fs";
import { runShell } from "../support/conntracer.ts";
import { listed as list } from "../support/listing.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { kernelTest } from "../support/root.ts";
import { Sockets } from "../support/sockets.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const { client: NAME, names: NAMES } = ownPrograms("ludp");
const OWN_NETNS = () => statSync("/proc/self/ns/net").ino;

/** What the kernel has no counter for. */
const NOT_COUNTED = {
	...{ bytes_sent: null, bytes_received: null, segments_sent: null, segments_received: null },
	...{ segments_retransmitted: null, rtt_us: null, rtt_var_us: null, rtt_min_us: null },
};

for (const [what, local, remote, address, family] of [
	["IPv4", "127.0.0.1", "127.0.0.2", "127.0.0.2", "ipv4"],
	["IPv6", "::1", "::1", "::1", "ipv6"],
	["IPv4-mapped", "::", "::ffff:127.0.0.2", "127.0.0.2", "ipv4"],
] as const)
	describe(`a connected ${what} socket of UDP`, () => {
		kernelTest("is active where the kernel has chosen its port", async () => {
			await using program = await Sockets.open(NAME, ["udp", "-", "0", remote, "5353"]);
			const { port, fd } = program.find("udp");
			expect(list("--process", NAME)).toEqual([
				expect.objectContaining({
					...{ type: "connection", transport: "udp", family, direction: "active" },
					...{ state: "ESTABLISHED", local_port: port, remote_port: 5353 },
					...{ remote_address: address, pid: program.pid, fd, process: NAME, uid: 0 },
					...{ netns: OWN_NETNS(), attribution: "scan", closing: false, holders: [] },
					executable: expect.stringContaining("/sockets-"),
					...NOT_COUNTED,
				}),
			]);
		});

		kernelTest("is passive where its program has chosen it", async () => {
			const port = 20_000 + (process.pid % 10_000);
			const words = ["udp", local, `${port}`, remote, "5353"];
			await using program = await Sockets.open(NAME, words);
			expect(list("--local-port", `${port}`, "--transport", "udp")).toMatchObject([
				{ family, direction: "passive", local_port: port, pid: program.pid, ...NOT_COUNTED },
			]);
		});
	});

describe("a socket of UDP without a peer", () => {
	for (const [what, words, address, family, direction] of [
		["bound to a port", ["udp", "127.0.0.1", "PORT", "-", "0"], "127.0.0.1", "ipv4", "passive"],
		["bound to any port", ["udp", "127.0.0.1", "0", "-", "0"], "127.0.0.1", "ipv4", "active"],
		["of any address", ["udp", "0.0.0.0", "PORT", "-", "0"], "0.0.0.0", "ipv4", "passive"],
		["of any IPv6 address", ["udp", "::", "PORT", "-", "0"], "::", "ipv6", "passive"],
		[
			"bound to a mapped address",
			["udp", "::ffff:127.0.0.1", "PORT", "-", "0"],
			"127.0.0.1",
			"ipv4",
			"passive",
		],
		[
			"that had a peer",
			["udp", "0.0.0.0", "PORT", "127.0.0.1", "53", "disconnect"],
			"0.0.0.0",
			"ipv4",
			"passive",
		],
		[
			"that had a mapped peer",
			["udp", "::", "PORT", "::ffff:127.0.0.1", "53", "disconnect"],
			"::",
			"ipv6",
			"passive",
		],
	] as const)
		kernelTest(`${what} is there with --listening`, async () => {
			const port = String(20_000 + (process.pid % 10_000));
			const given = words.map((word) => (word === "PORT" ? port : word));
			await using program = await Sockets.open(NAME, given);
			expect(list("--process", NAME)).toEqual([]);
			expect(list("--process", NAME, "--listening")).toEqual([
				expect.objectContaining({
					...{ transport: "udp", state: "CLOSE", family, direction },
					...{ local_address: address, local_port: program.find("udp").port },
					...{ remote_address: null, remote_port: null, pid: program.pid },
					...NOT_COUNTED,
				}),
			]);
		});

	kernelTest("and without a port is nothing", async () => {
		const words = ["udp", "-", "0", "127.0.0.1", "53", "disconnect"];
		await using _ = await Sockets.open(NAME, words);
		expect(list("--process", NAME, "--listening")).toEqual([]);
	});
});

describe("a socket of UDP that several programs hold is listed once, with all of them", () => {
	for (const [how, words] of [
		["after fork()", ["fork", "fork"]],
		["passed to others", ["pass", "pass"]],
	] as const)
		kernelTest(how, async () => {
			const open = ["udp", "-", "0", "127.0.0.1", "5353"];
			await using program = await Sockets.open(NAME, [...open, ...words]);
			const [first, second] = program.children;
			const holders = [
				{ pid: first?.pid, fd: first?.fd },
				{ pid: second?.pid, fd: second?.fd },
			];
			const expected = { pid: program.pid, fd: program.find("udp").fd, holders };
			expect(list("--process", NAME)).toMatchObject([expected]);
			expect(list("--pid", `${second?.pid}`)).toMatchObject([expected]);
		});

	kernelTest("and is that of the one to which it was given away", async () => {
		const open = ["udp", "-", "0", "127.0.0.1", "5353", "pass", "close"];
		await using program = await Sockets.open(NAME, open);
		const [child] = program.children;
		expect(list("--process", NAME)).toMatchObject([
			{ pid: child?.pid, fd: child?.fd, holders: [], local_port: program.find("udp").port },
		]);
	});
});

kernelTest("two sockets with one address are two", async () => {
	const pair = ["udp", "-", "0", "127.0.0.1", "5353", "udp", "-", "0", "127.0.0.1", "5353"];
	await using program = await Sockets.open(NAME, pair);
	const found = list("--process", NAME);
	expect(found.map(({ fd }) => fd)).toEqual(program.sockets.map(({ fd }) => fd));
	expect(new Set(found.map(({ id }) => id)).size).toBe(2);
});

kernelTest("sockets of UDP in other network namespaces are seen, and agree with ss", async () => {
	using pair = new NamespacePair();
	const { left, right } = pair;
	const connected = Array.from({ length: 100 }, () => ["udp", "-", "0", right.ipv4, "53"]).flat();
	const bound = ["udp", left.ipv4, "5300", "-", "0"];
	await using program = await Sockets.open(NAME, [...connected, ...bound], left.prefix);
	const netns = statSync(`/run/netns/${left.name}`).ino;
	const found = list("--listening", "--netns", `${netns}`);
	const counted = runShell(`${left.prefix.join(" ")} ss -unaH | wc -l`);
	expect(found.length).toBe(Number(counted.stdout));
	expect(found.length).toBe(101);
	expect(new Set(found.map(({ netns }) => netns))).toEqual(new Set([netns]));
	expect(new Set(found.map(({ local_port }) => local_port))).toEqual(
		new Set(program.sockets.map(({ port }) => port)),
	);
	expect(list("--netns", `/run/netns/${right.name}`)).toEqual([]);
});

describe("--transport", () => {
	for (const transport of ["tcp", "udp"] as const)
		kernelTest(`${transport} lists nothing else`, async () => {
			await using tcp = new Traffic(["hold", "--count", "1", ...NAMES]);
			await tcp.held();
			const words = ["udp", "127.0.0.1", "0", "-", "0", "udp", "-", "0", "127.0.0.1", "53"];
			await using _ = await Sockets.open(NAME, words);
			const own = list("--process", NAME, "--listening");
			expect(new Set(own.map((one) => one.transport))).toEqual(new Set(["tcp", "udp"]));
			const all = list("--transport", transport, "--listening");
			expect(new Set(all.map((one) => one.transport))).toEqual(new Set([transport]));
			const ofTransport = own.filter((one) => one.transport === transport);
			expect(all.filter((one) => one.process === NAME).length).toBe(ofTransport.length);
		});
});

kernelTest("a table shows - for what is not counted", async () => {
	await using program = await Sockets.open(NAME, ["udp", "-", "0", "127.0.0.1", "53"]);
	const columns = "transport,pid,sent,received,retrans,rtt";
	const { stdout } = runShell(`"$CONNTRACER" list --process ${NAME} --columns ${columns}`);
	expect(stdout.split("\n")[1]?.split(/ +/)).toEqual(["udp", `${program.pid}`, ..."----"]);
});
