import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DnsStatistics } from "../../src/flow/dns-statistics.ts";
import { connection, World } from "./client-world.ts";

const tell = ({ connections }: ReturnType<World["ask"]>): string[] =>
	connections.map(({ id, since_last, is_open }) => `${id} ${since_last.bytes_sent} ${is_open}`);

describe("an answer of which nobody says that it arrived is given again", () => {
	test("with what came since, also of what is over", () => {
		const world = new World();
		world.ask("one");
		world.move("a1", 3);
		world.move("b1", 5);
		world.end("b1");
		expect(tell(world.askFor("one"))).toEqual(["b1 5 false", "a1 3 true"]);
		world.move("a1", 1);
		world.end("a1");
		expect(tell(world.askFor("one"))).toEqual(["b1 5 false", "a1 4 false"]);
		expect(tell(world.ask("one"))).toEqual(["b1 5 false", "a1 4 false"]);
		expect(tell(world.ask("one"))).toEqual([]);
	});

	test("the first one, too: counting begins with the one that arrives", () => {
		const world = new World();
		world.move("a1", 3);
		expect(world.askFor("one").is_new).toBe(true);
		world.move("a1", 3);
		world.move("b1", 1);
		world.end("b1");
		const again = world.ask("one");
		expect([again.is_new, tell(again)]).toEqual([true, ["a1 0 true"]]);
		expect(tell(world.ask("one"))).toEqual(["a1 0 true"]);
	});

	test("and gaps in it", () => {
		const world = new World();
		const gap = {
			type: "gap",
			from: "f",
			to: "t",
			stage: "ring_buffer",
			count: 3,
			hint: null,
		} as const;
		world.ask("one");
		world.changes.lose([gap]);
		expect(world.askFor("one").gaps).toEqual([gap]);
		expect(world.ask("one").gaps).toEqual([gap]);
		expect(world.ask("one").gaps).toEqual([]);
	});

	test("its interval is since the question whose answer arrived", () => {
		const world = new World();
		world.ask("one");
		world.nowMs = 100;
		world.askFor("one");
		world.nowMs = 250;
		expect(world.ask("one").interval_ms).toBe(250);
	});
});

describe("whether an answer arrived", () => {
	test("its cursor says in the next question, whatever was handed over", () => {
		const world = new World();
		const first = world.askFor("one");
		world.move("a1", 3);
		const second = world.askFor("one", { cursor: first.cursor });
		world.changes.deliver("one", second.cursor, true);
		expect(tell(world.askFor("one", { cursor: first.cursor }))).toEqual(["a1 3 true"]);
		const third = world.askFor("one", { cursor: first.cursor });
		expect(tell(world.askFor("one", { cursor: third.cursor }))).toEqual(["a1 0 true"]);
	});

	test("is whether it was handed over, where the question does not say", () => {
		const world = new World();
		world.ask("one");
		world.move("a1", 3);
		const lost = world.askFor("one");
		world.changes.deliver("one", lost.cursor, true);
		world.changes.deliver("one", lost.cursor, false);
		const arrived = world.askFor("one");
		expect(tell(arrived)).toEqual(["a1 3 true"]);
		world.changes.deliver("one", arrived.cursor, true);
		expect(tell(world.askFor("one"))).toEqual(["a1 0 true"]);
	});

	test("of an answer before the last one does not matter any more", () => {
		const world = new World();
		world.ask("one");
		const before = world.askFor("one");
		world.move("a1", 3);
		world.askFor("one");
		world.changes.deliver("one", before.cursor, true);
		expect(tell(world.askFor("one"))).toEqual(["a1 3 true"]);
	});
});

test("a client that has an answer of which nothing is kept begins anew, and is told so", () => {
	const world = new World();
	const { cursor } = world.ask("one");
	world.move("a1", 3);
	for (const other of [`${cursor}9`, "00000000-1"]) {
		const answer = world.askFor("one", { cursor: other });
		expect([answer.is_new, tell(answer)]).toEqual([true, ["a1 0 true"]]);
	}
	world.nowMs = 1e9;
	expect(world.askFor("one", { cursor }).is_new).toBe(true);
});

test("what is over is kept until it was told, so many; of the rest is told how many", () => {
	const world = new World({ mostClosed: 2 });
	const { cursor } = world.ask("one");
	for (const name of ["a1", "b1", "c1"] as const) world.changes.close(connection(name, 1));
	world.askFor("one", { cursor });
	world.changes.close(connection("a2", 1));
	const again = world.askFor("one", { cursor });
	expect([tell(again).length, again.lost]).toEqual([2, { closed: 2, open: 0 }]);
	expect(world.changes.kept).toBe(2);
	world.askFor("one", { cursor: again.cursor });
	expect(world.changes.kept).toBe(0);
});

test("answers that arrive add up to the truth, whichever of them get lost, and whoever asks again", () => {
	const names = fc.constantFrom("a1", "a2", "b1");
	const step = fc.oneof(
		fc.record({ name: names, moves: fc.nat(100) }),
		fc.record({ name: names, moves: fc.constant(null) }),
		fc.record({ arrives: fc.boolean(), says: fc.boolean() }),
	);
	fc.assert(
		fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
			const world = new World();
			let has = world.ask("one").cursor;
			let [truth, heard] = [0, 0];
			let count = 0;
			const ids = new Map<string, string>();
			for (const one of steps) {
				if ("arrives" in one) {
					const answer = world.askFor("one", one.says ? { cursor: has } : {});
					world.changes.deliver("one", answer.cursor, one.arrives);
					if (!one.arrives) continue;
					has = answer.cursor;
					for (const { since_last } of answer.connections) heard += since_last.bytes_sent ?? 0;
					continue;
				}
				const id = ids.get(one.name) ?? `${one.name}-${++count}`;
				if (one.moves === null) {
					const ended = ids.delete(one.name) ? world.open.get(id as never) : undefined;
					world.open.delete(id as never);
					if (ended !== undefined) world.changes.close(ended);
					continue;
				}
				ids.set(one.name, id);
				world.move(id as never, one.moves);
				truth += one.moves;
			}
			for (const { since_last } of world.ask("one", { cursor: has }).connections)
				heard += since_last.bytes_sent ?? 0;
			expect(heard).toBe(truth);
		}),
	);
});

test("statistics of DNS are given again likewise", () => {
	const statistics = new DnsStatistics();
	const place = {
		netns: 1,
		transport: "udp",
		client_address: "a",
		server_address: "b",
		server_port: 53,
	} as const;
	const add = (): void =>
		statistics.add(place, { time: "t", response_code: "NOERROR", latency_us: 5 }, 0);
	const queries = (answer: ReturnType<DnsStatistics["ask"]>) =>
		answer?.statistics.map((row) => row.queries) ?? null;
	statistics.ask("one", 0);
	add();
	const lost = statistics.ask("one", 0, null);
	statistics.delivered("one", lost?.cursor ?? "", false);
	add();
	const again = statistics.ask("one", 0, null);
	expect([queries(lost), queries(again)]).toEqual([[1], [2]]);
	add();
	const next = statistics.ask("one", 0, again?.cursor ?? null);
	expect(queries(next)).toEqual([1]);
	expect(queries(statistics.ask("one", 0, again?.cursor ?? null))).toEqual([1]);
	expect(queries(statistics.totals() === null ? null : statistics.ask("two", 0))).toEqual([]);
});
