import { describe, expect, test } from "bun:test";
import {
	Acceptors,
	applyRefinements,
	type EventFields,
	type Holders,
	type OwnerFields,
} from "../../src/flow/acceptors.ts";
import type { EventRecord } from "../../src/flow/records.ts";
import { event as eventRecord } from "../sink/event-fixtures.ts";

const PARENT = 10;
const [WORKER, OTHER, STRANGER] = [11, 12, 99];
const PORT = 80;
const NETNS = 1;

const owner = (pid: number): OwnerFields => ({
	...{ pid, tid: pid, process: `worker-${pid}`, executable: null, command_line: null },
	...{ uid: 33, cgroup_id: "7", container_id: null, attribution: "scan" },
});

const accept = (id: string): EventRecord =>
	eventRecord({
		...{ event: "accept", id, netns: NETNS, local_port: PORT, direction: "passive" },
		...{ pid: PARENT, tid: PARENT, process: "parent", attribution: "listener" },
	});

const close = (id: string, pid: number): EventRecord =>
	eventRecord({ ...accept(id), ...owner(pid), event: "close" });

/** `pids` have the listening socket. */
function holders(pids: readonly number[], connections: Record<string, number> = {}): Holders {
	return {
		listeners: pids.map((pid) => ({ netns: NETNS, port: PORT, listenerPid: PARENT, pid })),
		connections: new Map(Object.entries(connections).map(([id, pid]) => [id, owner(pid)])),
	};
}

function machine(look: (pids: readonly number[] | null) => Holders, costMs = 0) {
	const looks: (readonly number[] | null)[] = [];
	const clock = { now: 1000 };
	const acceptors = new Acceptors({
		now: () => clock.now,
		look: (pids) => {
			looks.push(pids);
			clock.now += costMs;
			return look(pids);
		},
	});
	return { acceptors, looks, clock };
}

const fieldsOf = (events: readonly EventRecord[]): EventFields => {
	const is = (at: number, event: string, attribution: string): boolean =>
		events[at]?.event === event && events[at]?.attribution === attribution;
	return {
		count: events.length,
		isAcceptOfListener: (at) => is(at, "accept", "listener"),
		isCloseByHolder: (at) => is(at, "close", "scan"),
		id: (at) => events[at]?.id ?? "",
		netns: (at) => events[at]?.netns ?? 0,
		localPort: (at) => events[at]?.local_port ?? 0,
		pid: (at) => events[at]?.pid ?? 0,
	};
};

function refine(acceptors: Acceptors, events: EventRecord[]): void {
	applyRefinements(events, acceptors.refine(fieldsOf(events)));
}

const whose = (events: readonly EventRecord[]): string[] =>
	events.map(({ event, pid, attribution }) => `${event} ${pid} ${attribution}`);

describe("an accept at a socket that several programs share", () => {
	test("is of the one that holds the connection", () => {
		const { acceptors } = machine(() => holders([PARENT, WORKER, OTHER], { a: WORKER, b: OTHER }));
		const events = [accept("a"), accept("b")];
		refine(acceptors, events);
		expect(whose(events)).toEqual([`accept ${WORKER} scan`, `accept ${OTHER} scan`]);
		expect(events[0]).toMatchObject({ ...owner(WORKER), event: "accept", id: "a" });
	});

	test("is of the one that closes it in the same batch", () => {
		const { acceptors } = machine(() => holders([PARENT, WORKER]));
		const events = [accept("a"), close("a", WORKER)];
		refine(acceptors, events);
		expect(whose(events)).toEqual([`accept ${WORKER} scan`, `close ${WORKER} scan`]);
	});

	test.each([
		["nobody is found to hold it", holders([PARENT, WORKER]), [accept("a")]],
		["the parent holds it", holders([PARENT, WORKER], { a: PARENT }), [accept("a")]],
		[
			"its holder does not have the listening socket: it was handed the connection",
			holders([PARENT, WORKER], { a: STRANGER }),
			[accept("a")],
		],
		[
			"who closes it does not have the listening socket",
			holders([PARENT, WORKER]),
			[accept("a"), close("a", STRANGER)],
		],
		["the listening socket is not found", holders([]), [accept("a"), close("a", WORKER)]],
	])("stays with the listener where %s", (_, found, events) => {
		const { acceptors } = machine(() => found);
		refine(acceptors, events);
		expect(whose(events)[0]).toBe(`accept ${PARENT} listener`);
	});
});

test("one whose listener is gone is of who has the listening socket now", () => {
	const { acceptors } = machine(() => holders([WORKER], { a: WORKER }));
	const events = [accept("a")];
	refine(acceptors, events);
	expect(whose(events)).toEqual([`accept ${WORKER} scan`]);
});

describe("looks are made", () => {
	test("not without an accept at a listener", () => {
		const { acceptors, looks } = machine(() => holders([]));
		refine(acceptors, [close("a", WORKER), eventRecord({ event: "connect", attribution: "task" })]);
		refine(acceptors, [{ ...accept("b"), attribution: "scan" }]);
		expect(looks).toEqual([]);
	});

	test("once where a listener has one holder, and then ever more rarely", () => {
		const { acceptors, looks, clock } = machine(() => holders([PARENT]));
		const counts: number[] = [];
		for (let second = 0; second < 40; second++) {
			for (let batch = 0; batch < 20; batch++) {
				refine(acceptors, [accept("a")]);
				clock.now += 50;
			}
			counts.push(looks.length);
		}
		expect([0, 1, 3, 7, 15, 23, 39].map((second) => counts[second])).toEqual([1, 2, 3, 4, 5, 6, 8]);
	});

	test("at those alone that share a listener, once they are known", () => {
		const { acceptors, looks } = machine(() => holders([PARENT, WORKER]));
		refine(acceptors, [accept("a")]);
		refine(acceptors, [accept("b")]);
		refine(acceptors, [accept("c"), close("c", WORKER)]);
		expect(looks).toEqual([null, [PARENT, WORKER]]);
	});

	test("for no more than a fiftieth of the time", () => {
		const { acceptors, looks, clock } = machine(() => holders([PARENT, WORKER]), 4);
		while (clock.now < 11_000) {
			refine(acceptors, [accept("a")]);
			clock.now += 10;
		}
		expect(looks.length * 4).toBeLessThanOrEqual(200);
		expect(looks.length).toBeGreaterThan(40);
	});

	test("at all files where very many share a listener", () => {
		const many = Array.from({ length: 40 }, (_, i) => PARENT + i);
		const { acceptors, looks } = machine(() => holders(many));
		refine(acceptors, [accept("a")]);
		refine(acceptors, [accept("b")]);
		expect(looks).toEqual([null, null]);
	});
});
