import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CLIENT_CASES, type Name } from "./client-cases.ts";
import { connection, World } from "./client-world.ts";

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

test("what has moved nothing can be left out; what it moves later is told all the same", () => {
	const world = new World();
	const changed = (): string[] =>
		world
			.ask("one", { isAll: false })
			.connections.map(({ id, since_last }) => `${id} ${since_last.bytes_sent}`);
	world.move("a1", 1);
	world.move("b1", 2);
	expect(changed()).toEqual(["a1 0", "b1 0"]);
	world.move("b1", 5);
	expect(changed()).toEqual(["b1 5"]);
	expect(changed()).toEqual([]);
	world.move("a1", 3);
	world.end("b1");
	world.move("b2", 0);
	expect(changed()).toEqual(["b2 0", "a1 3"]);
	// The end of another one of the same ends is told with it.
	world.changes.close(connection("b3", 4));
	expect(changed()).toEqual(["b2 4"]);
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
			...{ client: "one", asked_ms_ago: 7, open: 1, gone: 0, closed: 2 },
			lost: { closed: 0, open: 0 },
		},
	]);
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
				const more = answers.reduce((all, { since_last }) => all + (since_last.bytes_sent ?? 0), 0);
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
