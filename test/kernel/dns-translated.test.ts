import { describe, expect } from "bun:test";
import { expectNothingLost } from "../support/accounted.ts";
import { Conntracer } from "../support/conntracer.ts";
import { Conntrack } from "../support/conntrack.ts";
import { DnsAsker, DnsServer, dnsOf, framed, query } from "../support/dns.ts";
import { DnsScene } from "../support/dns-scene.ts";
import { kernelTest, TRACES_UDP } from "../support/root.ts";

const ZONE = ["--host-record=web.test,192.0.2.7", "--local=/test/"];
/** As Docker has it: where the resolver listens is another port for each container. */
const RESOLVER = "127.0.0.11";
const OTHER_PORT = 40_053;

/** What a program sends to port 53 of one goes to another port of `to`; what comes back has port 53 again. */
const rewriting = (from: string, to: string): string => `table ip rewriting {
	chain there { type nat hook output priority -100; ip daddr ${from} meta l4proto { tcp, udp } th dport 53 dnat to ${to}:${OTHER_PORT}; }
	chain back { type nat hook postrouting priority 100; ip saddr ${RESOLVER} meta l4proto { tcp, udp } th sport ${OTHER_PORT} snat to ${RESOLVER}:53; }
}`;

async function rewritten(from: string, to: string, ...args: string[]): Promise<DnsScene> {
	const scene = new DnsScene();
	new Conntrack(scene.pair.left).nft(rewriting(from, to));
	await scene.start(...args);
	return scene;
}

describe("a question at a port that a rule has rewritten is that of port 53", () => {
	for (const transport of ["udp", "tcp"] as const)
		kernelTest(`${transport}, to a resolver of the namespace itself`, async () => {
			await using scene = await rewritten(RESOLVER, RESOLVER, "--timeout", "1m");
			const { asker, pair } = scene;
			const zone = [...ZONE, `--port=${OTHER_PORT}`];
			await using _server = await DnsServer.start(pair.left, [RESOLVER], zone);
			const ports = [];
			for (const id of [1, 1, 2]) {
				const message = query(id, "web.test", "A");
				const bytes = transport === "tcp" ? framed(message) : message;
				ports.push((await asker.ask(transport, RESOLVER, [bytes])).port);
			}
			const run = await scene.end(ports.length);
			expect(run.questions).toHaveLength(ports.length);
			for (const [index, port] of ports.entries())
				expect(run.questions[index]).toMatchObject({
					...{ transport, client_port: port, server_address: RESOLVER, server_port: 53 },
					...{ response_code: "NOERROR", latency_us: expect.any(Number), answer_count: 1 },
					...(transport === "tcp" || TRACES_UDP ? asker.owner : {}),
				});
			expectNothingLost(run);
		});

	kernelTest("where nobody answers", async () => {
		await using scene = await rewritten(RESOLVER, RESOLVER, "--timeout", "1s");
		const { port } = await scene.asker.ask("udp", RESOLVER, [query(1, "web.test", "A")], 0);
		const run = await scene.end(1);
		expect(run.questions).toMatchObject([
			{
				...{ client_port: port, server_address: RESOLVER, server_port: 53 },
				...{ question_name: "web.test", response_code: null, error: "timeout" },
			},
		]);
		expectNothingLost(run);
	});

	kernelTest("to a server elsewhere, whose answers have the other port on the wire", async () => {
		const ASKED = "192.0.2.53";
		await using scene = new DnsScene();
		const { asker, pair } = scene;
		new Conntrack(pair.left).nft(rewriting(ASKED, pair.right.ipv4));
		Bun.spawnSync(["ip", "-n", pair.left.name, "route", "add", "default", "dev", "cable"]);
		await scene.serve([...ZONE, `--port=${OTHER_PORT}`]);
		await scene.start("--timeout", "1m");
		const { port } = await asker.ask("udp", ASKED, [query(1, "web.test", "A")]);
		const run = await scene.end(1);
		expect(run.questions).toMatchObject([
			{
				...{ client_port: port, server_address: ASKED, server_port: 53 },
				...{ response_code: "NOERROR", latency_us: expect.any(Number) },
			},
		]);
		expectNothingLost(run);
	});

	kernelTest("but not one that goes to that port by itself", async () => {
		await using scene = await rewritten(RESOLVER, RESOLVER, "--timeout", "1m");
		const { asker, pair } = scene;
		const zone = [...ZONE, `--port=${OTHER_PORT}`];
		await using _server = await DnsServer.start(pair.left, ["127.0.0.1"], zone);
		await using _resolver = await DnsServer.start(pair.left, [RESOLVER], zone);
		await asker.ask("udp", "127.0.0.1", [query(1, "web.test", "A")], 1, OTHER_PORT);
		await asker.ask("udp", RESOLVER, [query(2, "web.test", "A")]);
		const run = await scene.end(1);
		expect(run.questions.map(({ id }) => id)).toEqual([2]);
		expectNothingLost(run);
	});
});

describe("a question that a namespace forwards under another address is one, of who asked", () => {
	const CLIENT = "10.78.0.2";
	for (const transport of ["udp", "tcp"] as const)
		kernelTest(transport, async () => {
			await using scene = new DnsScene();
			const { left: router, right } = scene.pair;
			const name = `${router.name}-c`;
			const client = { ...router, name, prefix: ["ip", "netns", "exec", name] };
			await scene.serve(ZONE);
			using _client = { [Symbol.dispose]: () => void Bun.spawnSync(["ip", "netns", "del", name]) };
			for (const line of [
				`ip netns add ${name}`,
				`ip link add in0 netns ${router.name} type veth peer name out0 netns ${name}`,
				`ip -n ${router.name} address add 10.78.0.1/24 dev in0`,
				`ip -n ${router.name} link set in0 up`,
				`ip -n ${name} address add ${CLIENT}/24 dev out0`,
				`ip -n ${name} link set out0 up`,
				`ip -n ${name} route add default via 10.78.0.1`,
				`ip netns exec ${router.name} sysctl -qw net.ipv4.ip_forward=1`,
			]) {
				const run = Bun.spawnSync(line.split(" "));
				if (!run.success) throw new Error(`${line}: ${run.stderr}`);
			}
			new Conntrack(router).nft(
				"table ip masquerading { chain post { type nat hook postrouting priority 100; oif cable masquerade; }; }",
			);
			await scene.start("--timeout", "1m");
			await using asker = new DnsAsker(client);
			const ports = [];
			for (const id of [1, 2]) {
				const message = query(id, "web.test", "A");
				const bytes = transport === "tcp" ? framed(message) : message;
				ports.push((await asker.ask(transport, right.ipv4, [bytes])).port);
			}
			// One more, that is not forwarded: whatever belongs to the others is there before it.
			await scene.asker.ask("udp", right.ipv4, [query(3, "web.test", "A")]);
			await scene.conntracer.until(
				"the last",
				(all) => dnsOf(all, ({ id }) => id === 3).length > 0,
			);
			const run = await scene.end(3);
			// Those of which a second look is to find the process come later.
			const questions = run.questions.toSorted((a, b) => a.id - b.id);
			expect(questions.map(({ id }) => id)).toEqual([1, 2, 3]);
			for (const [index, port] of ports.entries())
				expect(questions[index]).toMatchObject({
					...{ client_address: CLIENT, client_port: port, server_address: right.ipv4 },
					...{ response_code: "NOERROR", error: null },
				});
			expectNothingLost(run);
		});
});

kernelTest("an answer whose question was not seen is a record without latency", async () => {
	await using scene = new DnsScene();
	// What answers says so from port 53, before anybody is heard to ask.
	await scene.start();
	const { pair, conntracer } = scene;
	const answer = query(9, "web.test", "A");
	answer[2] = 0x81;
	const hex = Buffer.from(answer).toString("hex");
	const script = `const s = require("node:dgram").createSocket("udp4"); s.bind(53, () => s.send(Buffer.from("${hex}", "hex"), 40000, "${pair.right.ipv4}", () => s.close()))`;
	expect(Bun.spawnSync([...pair.left.prefix, process.execPath, "-e", script]).success).toBe(true);
	await conntracer.until("a record", (all) => dnsOf(all).length > 0);
	const run = await scene.end(1);
	expect(run.questions).toMatchObject([
		{
			...{ client_address: pair.right.ipv4, client_port: 40_000, server_address: pair.left.ipv4 },
			...{ server_port: 53, id: 9, question_name: "web.test", response_code: "NOERROR" },
			...{ latency_us: null, error: null },
		},
	]);
	expectNothingLost(run);
});

kernelTest("names are learned from answers at rewritten ports", async () => {
	await using scene = new DnsScene();
	const { asker, pair } = scene;
	new Conntrack(pair.left).nft(rewriting(RESOLVER, RESOLVER));
	const zone = [
		`--host-record=right.test,${pair.right.ipv4}`,
		`--port=${OTHER_PORT}`,
		"--local=/test/",
	];
	await using _server = await DnsServer.start(pair.left, [RESOLVER], zone);
	await using conntracer = await Conntracer.run(
		...["events", "--dns", "--failed", "--netns", String(pair.numbers()[0])],
	);
	await asker.ask("udp", RESOLVER, [query(1, "right.test", "A")]);
	// Nobody listens there.
	await asker.ask("udp", pair.right.ipv4, [query(2, "x", "A")], 0);
	const dial = `require("node:net").connect(9, "${pair.right.ipv4}").on("error", () => {})`;
	Bun.spawnSync([...pair.left.prefix, process.execPath, "-e", dial]);
	await conntracer.until("the attempt", (all) => all.some(({ type }) => type === "event"));
	const run = await conntracer.stop();
	expect(run.records.find(({ type }) => type === "event")).toMatchObject({
		...{ event: "connect_failed", remote_address: pair.right.ipv4, remote_name: "right.test" },
	});
});
