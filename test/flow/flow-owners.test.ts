import { describe, expect, test } from "bun:test";
import { FlowOwners } from "../../src/flow/flow-owners.ts";
import type { FlowEnds, FlowRecord, Transport } from "../../src/flow/records.ts";
import { flow } from "../cmd/harness.ts";

const NETNS = 7;
const CLIENT = { pid: 10, process: "curl" };
const SERVER = { pid: 20, process: "nginx" };

const socket = (
	owner: typeof CLIENT,
	local: [string, number],
	remote: [string | null, number | null],
	transport: Transport = "tcp",
): FlowRecord =>
	flow({
		...{ transport, netns: NETNS, process: owner.process, last_pid: owner.pid },
		...{ local_address: local[0], local_port: local[1] },
		...{ remote_address: remote[0], remote_port: remote[1] },
	});
const ends = (source: [string, number], destination: [string, number]): FlowEnds => ({
	...{ source_address: source[0], source_port: source[1] },
	...{ destination_address: destination[0], destination_port: destination[1] },
});
const asked = (of: FlowEnds, changes: object = {}) => ({
	...{ ...of, transport: "tcp", netns: NETNS, nat: null },
	...changes,
});

const ownersOf = (flows: readonly FlowRecord[], most = 100): FlowOwners => {
	const owners = new FlowOwners(most);
	owners.take(flows);
	return owners;
};

const HERE: [string, number] = ["10.0.0.1", 4000];
const THERE: [string, number] = ["10.0.0.2", 80];

describe("a flow is of the process", () => {
	test("that opened it", () => {
		const owners = ownersOf([socket(CLIENT, HERE, THERE), socket(SERVER, THERE, HERE)]);
		expect(owners.of(asked(ends(HERE, THERE)))).toEqual(CLIENT);
	});

	test("that it was opened to, where the other one is elsewhere", () => {
		const owners = ownersOf([socket(SERVER, THERE, HERE)]);
		expect(owners.of(asked(ends(HERE, THERE)))).toEqual(SERVER);
	});

	test("that it is translated to", () => {
		const inside: [string, number] = ["172.17.0.2", 8080];
		const seen: [string, number] = ["172.17.0.1", 5000];
		const owners = ownersOf([socket(SERVER, inside, seen)]);
		const nat = ends(seen, inside);
		expect(owners.of(asked(ends(HERE, THERE), { nat }))).toEqual(SERVER);
	});

	test("of its own namespace, transport and port", () => {
		const owners = ownersOf([socket(CLIENT, HERE, THERE)]);
		expect(owners.of(asked(ends(HERE, THERE), { netns: 8 }))).toBeNull();
		expect(owners.of(asked(ends(HERE, THERE), { transport: "udp" }))).toBeNull();
		expect(owners.of(asked(ends(["10.0.0.1", 4001], THERE)))).toBeNull();
	});

	test("that is known", () => {
		const nobody = flow({ netns: NETNS, process: null, last_pid: null, local_port: 4000 });
		expect(ownersOf([nobody]).of(asked(ends(HERE, THERE)))).toBeNull();
	});
});

test("a socket is remembered when it is gone, so many of them", () => {
	const owners = ownersOf([socket(CLIENT, HERE, THERE)], 2);
	for (const port of [1, 2]) {
		expect(owners.of(asked(ends(HERE, THERE)))).toEqual(CLIENT);
		owners.take([socket(SERVER, ["10.0.0.1", port], THERE)]);
	}
	expect(owners.of(asked(ends(HERE, THERE)))).toBeNull();
	expect(owners.of(asked(ends(["10.0.0.1", 1], THERE)))).toEqual(SERVER);
});

describe("a flow of UDP is of the process that has the port", () => {
	const udp = { transport: "udp" };

	test("where the socket does not know its address, or its peer", () => {
		const server = socket(SERVER, ["0.0.0.0", 80], [null, null], "udp");
		expect(ownersOf([server]).of(asked(ends(HERE, THERE), udp))).toEqual(SERVER);
		const client = socket(CLIENT, ["0.0.0.0", 4000], THERE, "udp");
		expect(ownersOf([server, client]).of(asked(ends(HERE, THERE), udp))).toEqual(CLIENT);
	});

	test("unless several have it", () => {
		const of = (owner: typeof CLIENT) => socket(owner, ["0.0.0.0", 80], [null, null], "udp");
		const owners = ownersOf([of(SERVER), of(CLIENT), of(SERVER)]);
		expect(owners.of(asked(ends(HERE, THERE), udp))).toBeNull();
	});

	test("and one of TCP is not", () => {
		const server = socket(SERVER, ["0.0.0.0", 80], [null, null]);
		expect(ownersOf([server]).of(asked(ends(HERE, THERE)))).toBeNull();
	});
});
