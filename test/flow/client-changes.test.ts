import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type {
	ChangedConnection,
	ClientAnswer,
	ClientOptions,
	CountedConnection,
} from "../../src/flow/client-answers.ts";
import { ClientChanges } from "../../src/flow/client-changes.ts";
import { CLIENT_CASES, type Name, type Told } from "./client-cases.ts";

/** What a kernel and its sockets would say. */
class World {
	readonly changes: ClientChanges<CountedConnection>;
	readonly open = new Map<Name, CountedConnection>();
	nowMs = 0;

	constructor(options: Partial<ClientOptions> = {}) {
		this.changes = new ClientChanges(options);
	}

	move(name: Name, bytes: number): void {
		const before = this.open.get(name)?.bytes_sent ?? 0;
		this.open.set(name, connection(name, before + bytes));
	}

	end(name: Name): void {
		const ended = this.open.get(name);
		if (ended === undefined) throw new Error(`${name} is not open`);
		this.open.delete(name);
		this.changes.close(ended);
	}

	ask(client: string): ClientAnswer<CountedConnection> {
		const answer = this.changes.ask(client, this.open.values(), this.nowMs);
		if (answer === null) throw new Error(`${client} finds no room`);
		return answer;
	}

	told(client: string): Told {
		return Object.fromEntries(this.ask(client).connections.map(tell));
	}
}

function connection(name: Name, bytes: number): CountedConnection {
	return {
		...{ id: name, transport: "tcp", netns: 1, pid: 7, local_address: "10.0.0.1" },
		...{ local_port: name.charCodeAt(0), remote_address: "10.0.0.2", remote_port: 443 },
		...{ bytes_sent: bytes, bytes_received: 2 * bytes, segments_sent: bytes },
		...{ segments_received: 0, segments_retransmitted: 0 },
	};
}

function tell(changed: ChangedConnection<CountedConnection>): [string, string] {
	const { since_last, bytes_sent, bytes_received, is_open } = changed;
	expect(bytes_received).toBe(2 * bytes_sent);
	expect(since_last.bytes_received).toBe(2 * since_last.bytes_sent);
	const ends = String.fromCharCode(changed.local_port);
	return [ends, `${bytes_sent}/${since_last.bytes_sent}${is_open ? " open" : ""}`];
}

describe("the seeds' cases", () => {
	for (const [name, steps] of Object.entries(CLIENT_CASES))
		test(name, () => {
			const world = new World();
			for (const [who, what] of steps)
				if (typeof what === "number") world.move(who as Name, what);
				else if (what === "ends") world.end(who as Name);
				else expect(world.told(who)).toEqual(what);
		});
});

test("UnorderedCloseEvent: ends come in any order, one of them twice, and an older look after them", () => {
	const world = new World();
	world.ask("one");
	const [first, second] = [connection("a1", 3), connection("a2", 5)];
	for (const ended of [second, first, { ...first, bytes_sent: 4, bytes_received: 8 }])
		world.changes.close(ended);
	world.open.set("a1", connection("a1", 2));
	expect(world.told("one")).toEqual({ a: "9/9" });
});

test("an end that is told late, after a look without it, has what came since the look before", () => {
	const world = new World();
	world.ask("one");
	world.move("a1", 3);
	expect(world.told("one")).toEqual({ a: "3/3 open" });
	world.open.delete("a1");
	expect(world.told("one")).toEqual({});
	world.changes.close(connection("a1", 7));
	expect(world.told("one")).toEqual({ a: "7/4" });
});

test("the number of connections that were added up is told", () => {
	const world = new World();
	world.ask("one");
	for (const name of ["a1", "a2"] as const) {
		world.move(name, 1);
		world.end(name);
	}
	world.move("a3", 1);
	expect(world.ask("one").connections).toMatchObject([{ connections: 3, id: "a3", is_open: true }]);
});

describe("what has happened is counted since the last question", () => {
	const counts = (world: World, client = "one") =>
		world.ask(client).connections.map(({ since_last: since, connections, is_open }) => {
			const { connections_opened, connections_failed, connections_closed } = since;
			return [connections_opened, connections_failed, connections_closed, connections, is_open];
		});

	test("TCPEstablished: opened once, and closed once", () => {
		const world = new World();
		world.ask("one");
		world.move("a1", 1);
		expect(counts(world)).toEqual([[1, 0, 0, 1, true]]);
		expect(counts(world)).toEqual([[0, 0, 0, 1, true]]);
		world.end("a1");
		expect(counts(world)).toEqual([[0, 0, 1, 1, false]]);
	});

	test("TCPEstablishedPreExistingConn: what was open before was not opened, and is closed", () => {
		const world = new World();
		world.move("a1", 1);
		expect(counts(world)).toEqual([[0, 0, 0, 1, true]]);
		world.end("a1");
		expect(counts(world)).toEqual([[0, 0, 1, 1, false]]);
	});

	test("between two questions opened and closed; an end that is told twice is one", () => {
		const world = new World();
		world.ask("one");
		for (const ended of [connection("a1", 1), connection("a1", 2), connection("a2", 1)])
			world.changes.close(ended);
		expect(counts(world)).toEqual([[2, 0, 2, 2, false]]);
	});

	test("TCPFailureConnectionRefused: an attempt that fails was never opened", () => {
		const world = new World();
		world.ask("one");
		world.changes.fail(connection("a1", 0));
		world.changes.fail(connection("a2", 0));
		expect(counts(world)).toEqual([[0, 2, 0, 0, false]]);
		expect(counts(world)).toEqual([]);
	});
});

test("what UDP has not it does not get: segments stay unknown", () => {
	const none = { segments_sent: null, segments_received: null, segments_retransmitted: null };
	const world = new World();
	const udp = (bytes: number) => ({ ...connection("a1", bytes), ...none });
	world.open.set("a1", udp(1));
	expect(world.ask("one").connections).toMatchObject([{ ...none, since_last: none }]);
	world.open.set("a1", udp(5));
	expect(world.ask("one").connections).toMatchObject([{ since_last: { ...none, bytes_sent: 4 } }]);
	world.end("a1");
	world.changes.close({ ...connection("a2", 3), ...none });
	expect(world.ask("one").connections).toMatchObject([
		{ ...none, bytes_sent: 8, since_last: { ...none, bytes_sent: 3 } },
	]);
	expect(world.changes.resets).toBe(0);
});

test("what is kept for a client can be looked at", () => {
	const world = new World();
	world.move("a1", 1);
	world.ask("one");
	world.move("b1", 1);
	world.end("b1");
	world.end("a1");
	world.nowMs = 7;
	expect(world.changes.states(world.nowMs)).toEqual([
		{
			...{ client: "one", asked_ms_ago: 7, open: 0, gone: 0, closed: 2, closed_rows: 2 },
			lost: { closed: 0, open: 0 },
		},
	]);
});

describe("bounds", () => {
	test("CleanupClient: who has not asked for long is new again", () => {
		const world = new World({ expiryMs: 1000 });
		world.move("a1", 3);
		expect(world.ask("one").is_new).toBe(true);
		world.nowMs = 1000;
		expect(world.ask("one").is_new).toBe(false);
		world.nowMs = 2001;
		world.changes.expire(world.nowMs);
		expect(world.changes.size).toBe(0);
		expect(world.ask("one").is_new).toBe(true);
	});

	test("RemoveConnections: nothing is kept for a client that is forgotten", () => {
		const world = new World();
		world.ask("one");
		world.changes.forget("one");
		world.move("a1", 3);
		world.end("a1");
		expect(world.ask("one")).toEqual({
			...{ is_new: true, interval_ms: null, connections: [], lost: { closed: 0, open: 0 } },
		});
	});

	test("what is over and finds no room is counted, for that client alone", () => {
		const world = new World({ mostClosed: 2 });
		world.ask("one");
		world.ask("two");
		for (const name of ["a1", "b1"] as const) {
			world.move(name, 1);
			world.end(name);
		}
		world.ask("two");
		world.move("c1", 1);
		world.end("c1");
		expect(world.ask("one")).toMatchObject({ connections: [{}, {}], lost: { closed: 1, open: 0 } });
		expect(world.ask("two")).toMatchObject({ connections: [{}], lost: { closed: 0, open: 0 } });
		expect(world.ask("one").lost).toEqual({ closed: 0, open: 0 });
	});

	test("DropActiveConnections: what is open and finds no room has no difference, and is counted", () => {
		const world = new World({ mostOpen: 1 });
		world.move("a1", 1);
		world.move("b1", 1);
		expect(world.ask("one").lost).toEqual({ closed: 0, open: 1 });
		world.move("a1", 2);
		world.move("b1", 2);
		expect(world.told("one")).toEqual({ a: "3/2 open", b: "3/0 open" });
	});

	test("clients that find no room are refused, until others are gone", () => {
		const world = new World({ mostClients: 1, expiryMs: 1000 });
		world.ask("one");
		expect(world.changes.ask("two", [], 0)).toBeNull();
		expect(world.changes.ask("two", [], 1001)?.is_new).toBe(true);
	});
});

test("RaceConditions: in any order of things, ten clients each add up to the truth", () => {
	const names = fc.constantFrom<Name>("a1", "a2", "b1", "b2", "c1");
	const step = fc.oneof(
		fc.record({ name: names, moves: fc.nat(100) }),
		fc.record({ name: names, moves: fc.constant(null) }),
		fc.record({ client: fc.nat(9) }),
	);
	fc.assert(
		fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
			const world = new World();
			const heard = new Map<number, number>();
			let moved = 0;
			for (let client = 0; client < 10; client++) {
				world.ask(`${client}`);
				heard.set(client, 0);
			}
			const hear = (client: number): void => {
				const answers = world.ask(`${client}`).connections;
				const more = answers.reduce((all, { since_last }) => all + since_last.bytes_sent, 0);
				heard.set(client, (heard.get(client) ?? 0) + more);
			};
			let life = 0;
			const lives = new Map<Name, Name>();
			for (const each of steps) {
				if ("client" in each) hear(each.client);
				else if (each.moves !== null) {
					const name = lives.get(each.name) ?? (`${each.name}${life++}` as Name);
					lives.set(each.name, name);
					world.move(name, each.moves);
					moved += each.moves;
				} else {
					const name = lives.get(each.name);
					if (name !== undefined) world.end(name);
					lives.delete(each.name);
				}
			}
			for (let client = 0; client < 10; client++) hear(client);
			expect([...heard.values()]).toEqual(Array(10).fill(moved));
		}),
	);
});
