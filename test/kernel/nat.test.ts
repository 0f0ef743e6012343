import { describe, expect } from "bun:test";
import type { EventName, EventRecord, FlowRecord, Translation } from "../../src/flow/records.ts";
import { Conntracer, conntracerBinary, eventsOf, flowsOf } from "../support/conntracer.ts";
import { Conntrack } from "../support/conntrack.ts";
import { listedBy } from "../support/listing.ts";
import { NamespacePair, type NetworkNamespace } from "../support/namespaces.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest, udpTest } from "../support/root.ts";

const PORT = 7100;
const ELSEWHERE = "203.0.113.7";
const ALIAS = "10.77.0.11";
const INSIDE = "10.99.0.1";

interface Address {
	readonly address: string;
	readonly port: number;
}

/** Who connects from where to what, and what the rules of the left one make of it. */
interface Scene {
	readonly what: string;
	readonly rules: (pair: NamespacePair) => string;
	readonly prepare?: (pair: NamespacePair) => void;
	readonly client: "left" | "right";
	readonly from?: string;
	readonly server: "left" | "right";
	readonly listens: (pair: NamespacePair) => Address;
	readonly dials: (pair: NamespacePair) => Address;
	/** What the server takes for the client's address. */
	readonly seen: (pair: NamespacePair) => string;
}

const run = (...command: string[]): void => {
	const done = Bun.spawnSync(command);
	if (!done.success) throw new Error(`${command.join(" ")}: ${done.stderr}`);
};
const atRight = (pair: NamespacePair): Address => ({ address: pair.right.ipv4, port: PORT });
const nat = (chain: string): string => `table ip translated {
	chain it { ${chain} }
}`;

const SCENES: readonly Scene[] = [
	{
		what: "a destination in another namespace, at another port",
		rules: ({ right }) =>
			nat(
				`type nat hook output priority -100; ip daddr ${ELSEWHERE} meta l4proto { tcp, udp } th dport 8080 dnat to ${right.ipv4}:${PORT};`,
			),
		prepare: ({ left, right }) =>
			run("ip", "-n", left.name, "route", "add", "default", "via", right.ipv4),
		...{ client: "left", server: "right", listens: atRight },
		dials: () => ({ address: ELSEWHERE, port: 8080 }),
		seen: ({ left }) => left.ipv4,
	},
	{
		what: "a source",
		rules: ({ right }) =>
			nat(`type nat hook postrouting priority 100; ip daddr ${right.ipv4} snat to ${ALIAS};`),
		prepare: (pair) => pair.addAddress(pair.left, ALIAS),
		...{ client: "left", server: "right", listens: atRight, dials: atRight },
		seen: () => ALIAS,
	},
	{
		what: "a masqueraded source",
		rules: () =>
			nat(`type nat hook postrouting priority 100; ip saddr ${INSIDE} oif cable masquerade;`),
		prepare: ({ left }) => run("ip", "-n", left.name, "address", "add", INSIDE, "dev", "lo"),
		...{ client: "left", from: INSIDE, server: "right", listens: atRight, dials: atRight },
		seen: ({ left }) => left.ipv4,
	},
	{
		what: "a port of this machine",
		rules: () =>
			nat(
				`type nat hook output priority -100; oif lo meta l4proto { tcp, udp } th dport 80 redirect to :${PORT};`,
			),
		...{ client: "left", server: "left" },
		listens: () => ({ address: "127.0.0.1", port: PORT }),
		dials: () => ({ address: "127.0.0.1", port: 80 }),
		seen: () => "127.0.0.1",
	},
	{
		what: "a port of this machine, in a zone of conntrack",
		rules: () => `table ip translated {
	chain out { type filter hook output priority -300; meta l4proto { tcp, udp } th dport { 80, ${PORT} } ct zone set 5; meta l4proto { tcp, udp } th sport { 80, ${PORT} } ct zone set 5; }
	chain in { type filter hook prerouting priority -300; meta l4proto { tcp, udp } th dport { 80, ${PORT} } ct zone set 5; meta l4proto { tcp, udp } th sport { 80, ${PORT} } ct zone set 5; }
	chain it { type nat hook output priority -100; oif lo meta l4proto { tcp, udp } th dport 80 redirect to :${PORT}; }
}`,
		...{ client: "left", server: "left" },
		listens: () => ({ address: "127.0.0.1", port: PORT }),
		dials: () => ({ address: "127.0.0.1", port: 80 }),
		seen: () => "127.0.0.1",
	},
	{
		what: "both ends of a neighbour that comes back to itself (hairpin)",
		rules: ({ right }) => `table ip translated {
	chain there { type nat hook prerouting priority -100; meta l4proto { tcp, udp } th dport 8080 dnat to ${right.ipv4}:${PORT}; }
	chain back { type nat hook postrouting priority 100; ip daddr ${right.ipv4} th dport ${PORT} masquerade; }
}`,
		prepare: (pair) => pair.set("net.ipv4.ip_forward", "1"),
		...{ client: "right", server: "right", listens: atRight },
		dials: ({ left }) => ({ address: left.ipv4, port: 8080 }),
		seen: ({ left }) => left.ipv4,
	},
];

/** A server and a client in their places, and what a record of each must have. */
class Stage implements AsyncDisposable {
	readonly pair = new NamespacePair();
	readonly #scene: Scene;
	readonly #owned = new AsyncDisposableStack();
	/** Of the client → as the server has seen it. */
	readonly ports = new Map<number, number>();
	client: Puppet | null = null;
	server: Puppet | null = null;
	#listener = -1;

	constructor(scene: Scene) {
		this.#scene = scene;
		this.#owned.defer(() => this.pair[Symbol.dispose]());
	}

	async open(transport: "tcp" | "udp"): Promise<void> {
		const scene = this.#scene;
		new Conntrack(this.pair.left).nft(scene.rules(this.pair));
		scene.prepare?.(this.pair);
		this.server = this.#owned.use(Puppet.start(this.pair[scene.server].prefix));
		this.client = this.#owned.use(Puppet.start(this.pair[scene.client].prefix));
		const { address, port } = scene.listens(this.pair);
		if (transport === "tcp") [this.#listener] = await this.server.listen(port, "tcp4", address);
		else {
			this.#listener = await this.server.do("socket", "udp4");
			await this.server.call("bind", this.#listener, address, port);
		}
	}

	/** @returns the client's socket */
	async connect(transport: "tcp" | "udp"): Promise<number> {
		const [client, server] = this.puppets();
		const { address, port } = this.#scene.dials(this.pair);
		const fd = await client.do("socket", transport === "tcp" ? "tcp4" : "udp4");
		if (this.#scene.from !== undefined) await client.call("bind", fd, this.#scene.from, 0);
		await client.call("connect", fd, address, port);
		const own = await client.do("local_port", fd);
		await client.call("send", fd, 100);
		if (transport === "tcp") {
			const accepted = await server.call("accept", this.#listener);
			await server.call("recv", accepted.result, 100);
			this.ports.set(own, accepted.port ?? 0);
		} else await server.call("recv", this.#listener, 100);
		return fd;
	}

	puppets(): [client: Puppet, server: Puppet] {
		if (this.client === null || this.server === null) throw new Error("not open");
		return [this.client, this.server];
	}

	/** Where the server is, and who it takes the client for. */
	ofClient(port: number | null): Partial<Translation> {
		const { address, port: listens } = this.#scene.listens(this.pair);
		return {
			source_address: this.#scene.seen(this.pair),
			...(port === null ? {} : { source_port: this.ports.get(port) ?? -1 }),
			...{ destination_address: address, destination_port: listens },
		};
	}

	/** By the port that the server sees: who the client is, and what it wanted. */
	ofServer(seen: number | null): Partial<Translation> {
		const { client, server, from } = this.#scene;
		const { address, port } = this.#scene.dials(this.pair);
		return {
			source_address:
				client === server && client === "left" ? "127.0.0.1" : (from ?? this.pair[client].ipv4),
			source_port: [...this.ports].find(([, as]) => as === seen)?.[0] ?? -1,
			...{ destination_address: address, destination_port: port },
		};
	}

	/** In the left one, where the rules are. */
	get inLeft(): readonly string[] {
		return inside(this.pair.left);
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.#owned.disposeAsync();
	}
}

/** Not `ip netns exec`, which hides the cgroups. */
const inside = ({ name }: NetworkNamespace): readonly string[] => [
	"nsenter",
	`--net=/run/netns/${name}`,
];

const EVENTS: readonly EventName[] = ["connect", "accept", "close"];

for (const scene of SCENES)
	describe(scene.what, () => {
		kernelTest("TCP, in list, watch and events, from before the start and after it", async () => {
			await using stage = new Stage(scene);
			await stage.open("tcp");
			const [client, server] = stage.puppets();
			const before = await stage.connect("tcp");
			const by = stage.inLeft.join(" ");
			const pids = { client: await client.pid(), server: await server.pid() };
			for (const record of listedBy(by, "-p", pids.client))
				expect(record.nat).toMatchObject(stage.ofClient(record.local_port));
			const held = listedBy(by, "-p", pids.server);
			expect(held.length).toBe(1);
			for (const record of held)
				expect(record.nat).toMatchObject(stage.ofServer(record.remote_port));

			const binary = [...stage.inLeft, conntracerBinary()];
			const watched = ["watch", "-i", "200ms", "--transport", "tcp", "--aggregate"];
			await using watch = await Conntracer.runAs(binary, ...watched, "connection");
			await using sum = await Conntracer.runAs(binary, ...watched, "process");
			await using events = await Conntracer.runAs(binary, "events");
			for (const { ready } of [watch, sum, events])
				expect(ready.hooks).toHaveProperty("nat", "ctnetlink");
			const after = await stage.connect("tcp");
			const isOurs = ({ last_pid }: FlowRecord): boolean => last_pid === pids.client;
			await watch.until("both connections", (records) => {
				const rows = flowsOf(records, isOurs);
				return new Set(rows.map(({ local_port }) => local_port)).size === 2;
			});
			await sum.until("their sum", (records) =>
				flowsOf(records, isOurs).some(
					({ connections_open, nat: it }) => connections_open === 2 && it !== null,
				),
			);
			for (const fd of [before, after]) await client.call("close", fd);
			const ofClient = (name: EventName) =>
				eventsOf(events.records, ({ event, pid }) => event === name && pid === pids.client);
			await events.until("two ends", () => ofClient("close").length === 2);
			await Promise.all([watch.stop(), sum.stop(), events.stop()]);

			for (const row of flowsOf(watch.records, isOurs))
				expect(row.nat).toMatchObject(stage.ofClient(row.local_port));
			const added = flowsOf(sum.records, isOurs).filter(
				({ connections_open }) => connections_open === 2,
			);
			for (const row of added)
				expect(row.nat).toMatchObject({ ...stage.ofClient(null), source_port: null });
			expect(ofClient("connect").map(({ local_port }) => local_port)).toEqual(
				[...stage.ports.keys()].slice(1),
			);
			for (const name of EVENTS)
				for (const { nat: it, local_port } of ofClient(name))
					expect(it).toMatchObject(stage.ofClient(local_port));
			const accepted = eventsOf(
				events.records,
				({ event, local_port }) => event === "accept" && local_port === PORT,
			);
			expect(accepted.length).toBe(1);
			for (const { nat: it, remote_port } of accepted)
				expect(it).toMatchObject(stage.ofServer(remote_port));
		});

		udpTest("UDP, in list and watch", async () => {
			await using stage = new Stage(scene);
			await stage.open("udp");
			const [client] = stage.puppets();
			await stage.connect("udp");
			const pid = await client.pid();
			const listed = listedBy(stage.inLeft.join(" "), "-p", pid);
			expect(listed.length).toBe(1);
			for (const record of listed) expect(record.nat).toMatchObject(stage.ofClient(null));
			const binary = [...stage.inLeft, conntracerBinary()];
			await using watch = await Conntracer.runAs(
				binary,
				"watch",
				"-i",
				"200ms",
				"--transport",
				"udp",
			);
			await stage.connect("udp");
			const rows = (): FlowRecord[] => flowsOf(watch.records, ({ last_pid }) => last_pid === pid);
			await watch.until("a row", () => rows().length > 0);
			await watch.stop();
			for (const row of rows()) expect(row.nat).toMatchObject(stage.ofClient(null));
		});
	});

kernelTest("elsewhere each side has what its own namespace knows", async () => {
	const [scene] = SCENES;
	if (scene === undefined) throw new Error("no scene");
	await using stage = new Stage(scene);
	await stage.open("tcp");
	const [client, server] = stage.puppets();
	await using events = await Conntracer.run("events");
	const fd = await stage.connect("tcp");
	await client.call("close", fd);
	const [clientPid, serverPid] = [await client.pid(), await server.pid()];
	const of = (wanted: number): EventRecord[] =>
		eventsOf(events.records, ({ pid }) => pid === wanted);
	await events.until("both", () => of(clientPid).length === 2 && of(serverPid).length > 0);
	await events.stop();
	for (const { nat: it, local_port } of of(clientPid))
		expect(it).toMatchObject(stage.ofClient(local_port));
	for (const { nat: it } of of(serverPid)) expect(it).toBeNull();
});
