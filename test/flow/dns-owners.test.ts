import { expect, test } from "bun:test";
import { DnsOwners } from "../../src/flow/dns-owners.ts";
import type { FlowRecord } from "../../src/flow/records.ts";

const ASKING = {
	netns: 1,
	transport: "udp" as const,
	...{ client_address: "10.0.0.1", client_port: 40_000 },
	...{ server_address: "10.0.0.2", server_port: 53 },
};

const socket = (changes: Partial<FlowRecord> = {}): FlowRecord =>
	({
		...{ netns: 1, transport: "udp", local_address: "10.0.0.1", local_port: 40_000 },
		...{ remote_address: "10.0.0.2", remote_port: 53, last_pid: 7, process: "dig" },
		...changes,
	}) as FlowRecord;

const ownerAmong = (...flows: readonly FlowRecord[]) => {
	const owners = new DnsOwners();
	owners.take(flows);
	return owners.of(ASKING);
};

const DIG = { pid: 7, process: "dig" };

test("the socket with these ends, or one that does not know its own", () => {
	expect(ownerAmong(socket())).toEqual(DIG);
	expect(ownerAmong(socket({ local_address: "0.0.0.0" }))).toEqual(DIG);
	expect(ownerAmong(socket({ remote_address: null, remote_port: null }))).toEqual(DIG);
	const other = socket({ remote_address: "10.0.0.3", process: "other", last_pid: 8 });
	expect(ownerAmong(other, socket())).toEqual(DIG);
});

test("no other", () => {
	for (const changes of [
		...[{ netns: 2 }, { transport: "tcp" }, { local_port: 40_001 }, { local_address: "10.0.0.9" }],
		...[{ remote_address: "10.0.0.3" }, { remote_port: 54 }, { process: null, last_pid: null }],
	] as Partial<FlowRecord>[])
		expect(ownerAmong(socket(changes))).toBeNull();
});

test("not who answers", () => {
	const server = { local_address: "10.0.0.2", local_port: 53, remote_address: "10.0.0.1" };
	expect(ownerAmong(socket({ ...server, remote_port: 40_000 }))).toBeNull();
});

test("one that is gone is known for another look", () => {
	const owners = new DnsOwners();
	owners.take([socket()]);
	owners.take([]);
	expect(owners.of(ASKING)).toEqual(DIG);
	owners.take([]);
	expect(owners.of(ASKING)).toBeNull();
});
