import { describe, expect } from "bun:test";
import type { EventRecord, FlowRecord } from "../../src/flow/records.ts";
import { expectNothingLost } from "../support/accounted.ts";
import {
	Conntracer,
	conntracerBinary,
	eventsOf,
	flowsOf,
	type OutputRecord,
} from "../support/conntracer.ts";
import { query } from "../support/dns.ts";
import { NameScene, PORT } from "../support/names.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { hostTest, kernelTest } from "../support/root.ts";

/** Of the right one, which answers at each of them. */
const [SHARED, UNASKED, ODD] = ["10.77.0.12", "10.77.0.13", "10.77.0.14"];
const long = (letter: string): string => `${`${letter.repeat(55)}.`.repeat(4)}test`;
const ZONE = [
	...["--host-record=web.test,10.77.0.2,fd77::2", "--cname=alias.test,www.test"],
	...["--cname=www.test,web.test", `--host-record=one.test,${SHARED}`],
	...[`--host-record=two.test,${SHARED}`, `--address=/odd/${ODD}`],
	// More than a packet may have.
	...[`--cname=large.test,${long("a")}`, `--cname=${long("a")},${long("b")}`],
	...[`--cname=${long("b")},web.test`, "--edns-packet-max=512"],
	...["--local=/test/", "--local-ttl=1"],
];

/** What the resolver of the client makes of it: name, type, and where it leads. */
const RESOLVED = [
	["web.test", "A", "10.77.0.2"],
	["web.test", "AAAA", "fd77::2"],
	["alias.test", "A", "10.77.0.2"],
	["large.test", "A", "10.77.0.2"],
	["alias.test", "AAAA", "fd77::2"],
] as const;

type Records = readonly OutputRecord[];

/** Both records of each connection of the client. */
const eventsAt = (records: Records, port: number): EventRecord[] =>
	eventsOf(records, ({ local_port }) => local_port === port);
const namesAt = (records: Records, port: number): unknown[] =>
	eventsAt(records, port).map(({ event, remote_name }) => [event, remote_name]);
const both = (name: string | null): unknown[] => [
	["connect", name],
	["close", name],
];

async function eventsIn(scene: NameScene, ...args: readonly string[]): Promise<Conntracer> {
	const where = ["--netns", String(scene.netns)];
	return scene.use(await Conntracer.run("events", "--dns", ...where, ...args));
}

/** Ends it when the connections of these ports have ended. */
async function end(conntracer: Conntracer, ports: readonly number[]) {
	const hasEnded = (records: Records, port: number): boolean =>
		eventsAt(records, port).some(({ event }) => event === "close");
	await conntracer.until("every close", (records) =>
		ports.every((port) => hasEnded(records, port)),
	);
	return await conntracer.stop();
}

describe("events --dns: connect and close have the name that was asked for", () => {
	kernelTest("A, AAAA, through CNAMEs, and over TCP where an answer is truncated", async () => {
		await using scene = new NameScene();
		await scene.serve([UNASKED], ZONE);
		const conntracer = await eventsIn(scene);
		expect(conntracer.ready.hooks).toMatchObject({ dns: "packet_socket" });
		const server = scene.pair.right.ipv4;
		const ports: number[] = [];
		for (const [name, type, address] of RESOLVED) {
			const called = await scene.client.resolve(name, type, server, PORT);
			expect(called.address).toBe(address);
			ports.push(called.port);
		}
		const unasked = await scene.client.connect(UNASKED);
		const run = await end(conntracer, [...ports, unasked]);
		for (const [index, [name]] of RESOLVED.entries())
			expect(namesAt(run.records, ports[index] ?? 0)).toEqual(both(name));
		expect(namesAt(run.records, unasked)).toEqual(both(null));
		// The truncated answer was asked for once more.
		const overTcp = eventsOf(run.records, ({ remote_port }) => remote_port === 53);
		expect(overTcp[0]?.event).toBe("connect");
		expectNothingLost(run);
	});

	kernelTest("the last one before it was opened, of two names of an address", async () => {
		await using scene = new NameScene();
		await scene.serve([SHARED], ZONE);
		const conntracer = await eventsIn(scene);
		const server = scene.pair.right.ipv4;
		const asked = ["one.test", "two.test", "two.test", "one.test"];
		const ports = [];
		for (const name of asked)
			ports.push((await scene.client.resolve(name, "A", server, PORT)).port);
		await scene.client.resolve("two.test", "A", server);
		ports.push(await scene.client.connect(SHARED));
		const run = await end(conntracer, ports);
		for (const [index, name] of [...asked, "two.test"].entries())
			expect(namesAt(run.records, ports[index] ?? 0)).toEqual(both(name));
	});

	kernelTest("a close as well where it is all that is shown, as CSV and in a table", async () => {
		await using scene = new NameScene();
		await scene.serve([SHARED], ZONE);
		const { client, pair, netns } = scene;
		const run = (...args: readonly string[]) =>
			Bun.spawn([conntracerBinary(), "events", "--dns", "--netns", String(netns), ...args], {
				...{ stdout: "pipe", stderr: "pipe" },
			});
		const chosen = ["-n", "1", "--remote-port", String(PORT), "--events", "close"];
		const shown = [
			run(...chosen, "-o", "csv", "--no-header", "--columns", "event,remote_name"),
			run(...chosen),
		];
		const readers = shown.map((one) => one.stderr.getReader());
		for (const reader of readers) await reader.read();
		await client.resolve("one.test", "A", pair.right.ipv4, PORT);
		const [csv = "", table = ""] = await Promise.all(shown.map((one) => one.stdout.text()));
		expect(csv).toBe("close,one.test\n");
		const [header = "", row = ""] = table.split("\n");
		const place = header.trim().split(/ +/).indexOf("NAME");
		expect(row.trim().split(/ +/)[place]).toBe("one.test");
	});

	kernelTest("none of another namespace", async () => {
		await using scene = new NameScene();
		await using other = new NameScene();
		for (const each of [scene, other]) await each.serve([], ZONE);
		const where = ["--netns", String(other.netns)];
		const conntracer = await eventsIn(scene, ...where);
		// The same address in both, and the name of one of them.
		const asking = await scene.client.resolve("web.test", "A", scene.pair.right.ipv4, PORT);
		const silent = await other.client.connect("10.77.0.2");
		const run = await end(conntracer, [asking.port, silent]);
		const inNetns = (netns: number, port: number) =>
			eventsAt(run.records, port).filter((event) => event.netns === netns);
		const named = inNetns(scene.netns, asking.port).map(({ remote_name }) => remote_name);
		expect(named).toEqual(["web.test", "web.test"]);
		const others = inNetns(other.netns, silent).map(({ remote_name }) => remote_name);
		expect(others).toEqual([null, null]);
	});

	kernelTest("of a resolver at another port", async () => {
		await using scene = new NameScene();
		await scene.serve([], [...ZONE, "--port=5353"]);
		const conntracer = await eventsIn(scene, "--dns-port", "53,5353");
		const server = `${scene.pair.right.ipv4}:5353`;
		const { port } = await scene.client.resolve("web.test", "A", server, PORT);
		const run = await end(conntracer, [port]);
		expect(namesAt(run.records, port)).toEqual(both("web.test"));
	});
});

kernelTest("names that are meant to harm stay in one line, and reach no terminal", async () => {
	const LABEL = '\u001b[31m\n\r\t"; rm -rf /';
	const ESCAPED = '\\027[31m\\010\\013\\009\\"\\;\\032rm\\032-rf\\032/.odd';
	await using scene = new NameScene();
	await scene.serve([ODD], ZONE);
	const { asker, client, netns, pair } = scene;
	const conntracer = await eventsIn(scene);
	const outputs = ["table", "csv"].map((format) => {
		const what = ["--dns", "-o", format, "--columns", "remote_name,event", "--events", "close"];
		const which = ["--netns", String(netns), "--remote-port", String(PORT), "-n", "1"];
		const command = [conntracerBinary(), "events", ...what, ...which, "--no-header"];
		return Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
	});
	for (const { stderr } of outputs) await stderr.getReader().read();
	await asker.ask("udp", pair.right.ipv4, [query(1, `${LABEL}.odd`, "A")]);
	const port = await client.connect(ODD);
	const run = await end(conntracer, [port]);
	expect(namesAt(run.records, port)).toEqual(both(ESCAPED));
	for (const { stdout } of outputs) {
		const text = await stdout.text();
		expect(text).toContain("\\027[31m\\010");
		expect(text).toMatch(/^[ -~]+\n$/);
	}
});

kernelTest("a resolver that vanishes takes no names with it", async () => {
	await using scene = new NameScene();
	const server = await scene.serve([SHARED], ZONE);
	const conntracer = await eventsIn(scene);
	const { client, pair } = scene;
	const resolve = { name: "two.test", type: "A", server: pair.right.ipv4 } as const;
	await client.resolve("one.test", "A", resolve.server);
	await server[Symbol.asyncDispose]();
	const ports = [await client.connect(SHARED)];
	const { error } = await client.attempt({ resolve, address: null, port: null });
	expect(error).not.toBe(null);
	ports.push(await client.connect(SHARED));
	const run = await end(conntracer, ports);
	for (const port of ports) expect(namesAt(run.records, port)).toEqual(both("one.test"));
	expect(run.exitCode).toBe(0);
	expectNothingLost(run);
});

kernelTest(
	"watch --dns: flows have the name that was asked for last, also those that stay",
	async () => {
		await using scene = new NameScene();
		await scene.serve([SHARED, UNASKED], ZONE);
		const where = ["--netns", String(scene.netns)];
		const conntracer = scene.use(await Conntracer.startTcp("--dns", ...where));
		const { client, pair } = scene;
		const server = pair.right.ipv4;
		for (const [name, type] of RESOLVED) await client.resolve(name, type, server, PORT);
		for (const name of ["one.test", "two.test"]) await client.resolve(name, "A", server, PORT);
		await client.connect(UNASKED);
		const ofClient = ({ direction, listen_port }: FlowRecord): boolean =>
			direction === "active" && listen_port === PORT;
		await conntracer.untilClosed(RESOLVED.length + 3, ofClient);
		const run = await conntracer.stop();
		const last = new Map(
			flowsOf(run.records, ofClient).map((flow) => [flow.remote_address, flow.remote_name]),
		);
		expect(Object.fromEntries(last)).toEqual({
			...{ "10.77.0.2": "large.test", "fd77::2": "alias.test" },
			...{ [SHARED]: "two.test", [UNASKED]: null },
		});
		expectNothingLost(run);
	},
);

kernelTest("top --dns: connections have names", async () => {
	await using scene = new NameScene();
	await scene.serve([SHARED], ZONE);
	const what = ["--by", "connection", "-i", "250ms", "--dns", "--netns", String(scene.netns)];
	const conntracer = scene.use(await Conntracer.run("top", ...what));
	await scene.client.resolve("one.test", "A", scene.pair.right.ipv4, PORT);
	const isIt = ({ remote_address }: FlowRecord): boolean => remote_address === SHARED;
	await conntracer.until("the flow", (records) => flowsOf(records, isIt).length > 0);
	const [flow] = flowsOf((await conntracer.stop()).records, isIt);
	expect(flow).toMatchObject({ remote_port: PORT, remote_name: "one.test" });
});

kernelTest("without --dns there are no names", async () => {
	await using scene = new NameScene();
	await scene.serve([], ZONE);
	const conntracer = scene.use(await Conntracer.run("events", "--netns", String(scene.netns)));
	expect(Object.keys(conntracer.ready.hooks)).not.toContain("dns");
	const { port } = await scene.client.resolve("web.test", "A", scene.pair.right.ipv4, PORT);
	expect(namesAt((await end(conntracer, [port])).records, port)).toEqual(both(null));
});

describe("rights", () => {
	hostTest("what is missing for names is told before anything is attached", async () => {
		using user = new OrdinaryUser();
		for (const command of ["events", "watch", "top"]) {
			const run = user.run(["bpf", "perfmon"], command, "--dns", "--json", "-d", "1s");
			expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 3, stdout: "" });
			expect(run.stderr.trimEnd()).not.toContain("\n");
			expect(JSON.parse(run.stderr)).toMatchObject({
				...{ type: "error", code: "permission" },
				message: expect.stringMatching(/without CAP_NET_RAW$/),
			});
		}
	});

	hostTest("namespaces that come later are listened to, with what is left of them", async () => {
		await using conntracer = await Conntracer.run("events", "--dns");
		await using scene = new NameScene();
		await scene.serve([], ZONE);
		const { client, pair } = scene;
		const isNamed = ({ remote_name, netns }: EventRecord): boolean =>
			remote_name === "web.test" && netns === scene.netns;
		const again = setInterval(
			() => void client.resolve("web.test", "A", pair.right.ipv4, PORT),
			500,
		);
		try {
			await conntracer.until("a name", (records) => eventsOf(records, isNamed).length > 0);
		} finally {
			clearInterval(again);
		}
		expect((await conntracer.stop()).exitCode).toBe(0);
	});
});
