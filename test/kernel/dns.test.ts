import { describe, expect } from "bun:test";
import type { DnsAnswer, DnsRecord } from "../../src/flow/dns-records.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";
import { expectNothingLost, type Family, lostOf } from "../support/accounted.ts";
import { Conntracer, gapsOf, type Run } from "../support/conntracer.ts";
import { DnsAsker, DnsServer, datagramsSent, dnsOf, framed, query } from "../support/dns.ts";
import { DnsScene } from "../support/dns-scene.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { hostTest, kernelTest, TRACES_UDP } from "../support/root.ts";

const TTL = 300;
const ZONE = [
	...["--host-record=web.test,192.0.2.7,2001:db8::7", "--cname=alias.test,www.test"],
	...["--cname=www.test,web.test", "--txt-record=text.test,some text", "--local=/test/"],
	`--local-ttl=${TTL}`,
];
const answer = (name: string, type: string, data: string): DnsAnswer => ({
	...{ name, type, ttl: TTL, data },
});
const CHAIN = [answer("alias.test", "CNAME", "www.test"), answer("www.test", "CNAME", "web.test")];

/** What dnsmasq has to say, by its options. */
const CASES: readonly (readonly [string, string, string, readonly DnsAnswer[]])[] = [
	["web.test", "A", "NOERROR", [answer("web.test", "A", "192.0.2.7")]],
	["web.test", "AAAA", "NOERROR", [answer("web.test", "AAAA", "2001:db8::7")]],
	["alias.test", "A", "NOERROR", [...CHAIN, answer("web.test", "A", "192.0.2.7")]],
	["text.test", "TXT", "NOERROR", [answer("text.test", "TXT", '"some text"')]],
	["nobody.test", "A", "NXDOMAIN", []],
];

const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];

describe("questions have the answers of the server, and who asked", () => {
	for (const family of FAMILIES)
		for (const transport of ["udp", "tcp"] as const)
			kernelTest(`${transport} over ${family}`, async () => {
				await using scene = new DnsScene();
				await scene.serve(ZONE);
				// Not all machines are quick, and all answers come.
				await scene.start("--timeout", "1m");
				const { asker, pair } = scene;
				const said = [];
				for (const [id, [name, type]] of CASES.entries()) {
					const message = query(id, name.toUpperCase(), type);
					const bytes = transport === "tcp" ? framed(message) : message;
					said.push(await asker.ask(transport, pair.right[family], [bytes]));
				}
				const { owner } = asker;
				const run = await scene.end(CASES.length);
				for (const [id, [name, type, code, answers]] of CASES.entries()) {
					const { port, begin, end } = said[id] ?? { port: 0, begin: 0, end: 0 };
					const record = run.questions[id];
					expect(record).toMatchObject({
						...{
							netns: pair.numbers()[0],
							transport,
							id,
							question_name: name,
							question_type: type,
						},
						...{ client_address: pair.left[family], client_port: port },
						...{ server_address: pair.right[family], server_port: 53 },
						...{ response_code: code, error: null, truncated: false, answers },
						answer_count: answers.length,
						...(transport === "tcp" || TRACES_UDP ? owner : {}),
					});
					expect(record?.latency_us).toBeLessThanOrEqual(Math.ceil((end - begin) * 1000));
					const time = Date.parse(record?.time ?? "");
					expect(time).toBeGreaterThanOrEqual(Math.floor(begin));
					expect(time).toBeLessThanOrEqual(Math.ceil(end));
				}
				expect(run.questions).toHaveLength(CASES.length);
				expectNothingLost(run);
			});
});

describe("over TCP", () => {
	kernelTest("messages that come in parts, and several at once", async () => {
		await using scene = new DnsScene();
		await scene.serve(ZONE);
		await scene.start();
		const all = CASES.flatMap(([name, type], id) => [...framed(query(id, name, type))]);
		const cuts = [0, 1, 2, 20, 70, all.length];
		const parts = cuts.slice(1).map((to, index) => Uint8Array.from(all.slice(cuts[index], to)));
		await scene.asker.ask("tcp", scene.pair.right.ipv4, parts, CASES.length);
		const run = await scene.end(CASES.length);
		expect(run.questions.map(({ response_code, answers }) => [response_code, answers])).toEqual(
			CASES.map(([, , code, answers]) => [code, [...answers]]),
		);
		expectNothingLost(run);
	});
});

kernelTest("what goes over loopback counts once", async () => {
	await using scene = new DnsScene();
	const { left } = scene.pair;
	await using _server = await DnsServer.start(left, ["127.0.0.1", "::1"], ZONE);
	await scene.start();
	for (const address of ["127.0.0.1", "::1"])
		for (const [id, [name, type]] of CASES.entries())
			await scene.asker.ask("udp", address, [query(id, name, type)]);
	const run = await scene.end(2 * CASES.length);
	expect(run.questions).toHaveLength(2 * CASES.length);
	if (TRACES_UDP)
		for (const record of run.questions) expect(record).toMatchObject(scene.asker.owner);
	expectNothingLost(run);
});

kernelTest("a question that nobody answers is given up, once, with who asked", async () => {
	await using scene = new DnsScene();
	await scene.start("--timeout", "1s");
	const { asker, pair } = scene;
	const message = query(7, "web.test", "A");
	const { port } = await asker.ask("udp", pair.right.ipv4, [message, message, message], 0);
	const run = await scene.end(1);
	expect(run.questions).toMatchObject([
		{
			...{ id: 7, client_port: port, question_name: "web.test", error: "timeout" },
			...{ response_code: null, latency_us: null, truncated: null, answers: [] },
			...(TRACES_UDP ? asker.owner : {}),
		},
	]);
	expectNothingLost(run);
});

describe("filters", () => {
	kernelTest("--failed leaves what failed", async () => {
		await using scene = new DnsScene();
		await scene.serve(ZONE);
		await scene.start("--failed");
		for (const [id, [name, type]] of CASES.entries())
			await scene.asker.ask("udp", scene.pair.right.ipv4, [query(id, name, type)]);
		const run = await scene.end(1);
		expect(run.questions.map(({ question_name }) => question_name)).toEqual(["nobody.test"]);
	});

	hostTest("--transport and -6 are left to the kernel", async () => {
		await using scene = new DnsScene();
		await scene.serve(ZONE);
		await scene.start("--transport", "udp", "-6");
		const { asker, pair } = scene;
		await asker.ask("udp", pair.right.ipv4, [query(1, "web.test", "A")]);
		await asker.ask("tcp", pair.right.ipv6, [framed(query(2, "web.test", "A"))]);
		await asker.ask("udp", pair.right.ipv6, [query(3, "web.test", "A")]);
		const run = await scene.end(1);
		expect(run.questions.map(({ id }) => id)).toEqual([3]);
	});

	kernelTest("--pid is who asks", async () => {
		await using scene = new DnsScene();
		await scene.serve(ZONE);
		await using other = new DnsAsker(scene.pair.left);
		const { address } = { address: scene.pair.right.ipv4 };
		await other.ask("tcp", address, [framed(query(1, "web.test", "A"))]);
		await scene.asker.ask("tcp", address, [framed(query(2, "web.test", "A"))]);
		await scene.start("--pid", String(scene.asker.owner.pid));
		await other.ask("tcp", address, [framed(query(3, "web.test", "A"))]);
		await scene.asker.ask("tcp", address, [framed(query(4, "web.test", "A"))]);
		const run = await scene.end(1);
		expect(run.questions).toMatchObject([{ id: 4, ...scene.asker.owner }]);
	});
});

describe("what is not in a record is in a gap", () => {
	kernelTest("what is no message of DNS", async () => {
		await using scene = new DnsScene();
		await scene.serve(ZONE);
		await scene.start("--strict");
		const { asker, pair } = scene;
		const junk = [Uint8Array.of(1, 2, 3), new Uint8Array(100).fill(0xff)];
		await asker.ask("udp", pair.right.ipv4, junk, 0);
		await asker.ask("udp", pair.right.ipv4, [query(1, "web.test", "A")]);
		const run = await scene.end(1);
		expect(lostOf(run)).toEqual({ ...NOTHING_LOST, dns_message: 2 });
		expect(run.exitCode).toBe(6);
	});

	kernelTest("packets for which the buffer had no room", async () => {
		const SENT = 2000;
		await using scene = new DnsScene();
		await scene.start("--timeout", "1s", "--buffer", "64k");
		const { asker, conntracer, pair } = scene;
		// What waits for the hardware address of a neighbour has a bound of its own.
		await asker.ask("udp", pair.right.ipv4, [query(SENT, "web.test", "A")], 0);
		await conntracer.until("the first", (records) => dnsOf(records).length > 0);
		const messages = Array.from({ length: SENT }, (_, id) => query(id, "web.test", "A"));
		process.kill(conntracer.pid, "SIGSTOP");
		try {
			await asker.ask("udp", pair.right.ipv4, messages, 0);
		} finally {
			process.kill(conntracer.pid, "SIGCONT");
		}
		const counted = (records: Run["records"]): number =>
			dnsOf(records).length + gapsOf(records).reduce((sum, { count }) => sum + count, 0);
		await conntracer.until(
			"all of them",
			(records) => counted(records) >= datagramsSent(pair.left),
		);
		const run = await conntracer.stop();
		const sent = datagramsSent(pair.left);
		expect(sent).toBeGreaterThan(SENT / 2);
		expect(counted(run.records)).toBe(sent);
		expect(lostOf(run).queue).toBeGreaterThan(0);
		expect(lostOf(run)).toEqual({ ...NOTHING_LOST, queue: lostOf(run).queue });
	});
});

kernelTest("namespaces that come are listened to, and those that go are let go", async () => {
	await using conntracer = await Conntracer.run("dns", "--timeout", "100ms");
	await using scene = new DnsScene();
	const [inode] = scene.pair.numbers();
	const isHere = ({ netns }: DnsRecord): boolean => netns === inode;
	const ask = () => scene.asker.ask("udp", scene.pair.right.ipv4, [query(1, "web.test", "A")], 0);
	const again = setInterval(() => void ask(), 500);
	try {
		await conntracer.until("a question", (records) => dnsOf(records, isHere).length > 0);
	} finally {
		clearInterval(again);
	}
	await scene.asker[Symbol.asyncDispose]();
	scene.pair.leaveLeft();
	await scene.pair.untilCableIsGone();
	expect((await conntracer.stop()).exitCode).toBe(0);
});

describe("an ordinary user", () => {
	hostTest("is told what is missing", async () => {
		using user = new OrdinaryUser();
		const run = user.run([], "dns", "--json");
		expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 3, stdout: "" });
		expect(JSON.parse(run.stderr)).toMatchObject({
			...{ type: "error", code: "permission" },
			message: expect.stringMatching(/without CAP_NET_RAW$/),
		});
	});

	hostTest("with net_raw has the own namespace, without processes", async () => {
		using user = new OrdinaryUser();
		const run = user.run(["net_raw"], "dns", "--json", "-d", "500ms");
		expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
		const [ready = ""] = run.stdout.split("\n");
		expect(JSON.parse(ready).hooks).toMatchObject({
			...{ dns: "packet_socket", process: expect.stringMatching(/^none: /) },
		});
	});

	hostTest("is told what it takes to know whose questions they are", async () => {
		using user = new OrdinaryUser();
		const run = user.run(["net_raw"], "dns", "--json", "--process", "curl");
		expect(run.exitCode).toBe(3);
		expect(JSON.parse(run.stderr).message).toMatch(/CAP_BPF/);
	});
});
