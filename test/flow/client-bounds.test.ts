import { describe, expect, test } from "bun:test";
import type { Name } from "./client-cases.ts";
import { World } from "./client-world.ts";

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
		expect(world.ask("one")).toMatchObject({
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

	test("what every client has been told is kept no longer, nor is anything where there is none", () => {
		const world = new World();
		const kept = (): number => world.changes.kept;
		const end = (name: Name): void => {
			world.move(name, 1);
			world.end(name);
		};
		end("a1");
		expect(kept()).toBe(0);
		world.ask("one");
		world.ask("two");
		end("b1");
		end("c1");
		world.ask("one");
		expect(kept()).toBe(2);
		world.ask("two");
		expect(kept()).toBe(0);
		end("a2");
		world.changes.forget("one");
		expect(kept()).toBe(1);
		world.changes.forget("two");
		expect(kept()).toBe(0);
	});

	test("what is open and found no room has no difference later either, whatever ends meanwhile", () => {
		const world = new World({ mostOpen: 1 });
		world.move("a1", 1);
		world.move("b1", 1);
		world.ask("one");
		world.end("a1");
		expect(world.told("one")).toEqual({ a: "1/0", b: "1/0 open" });
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
