import { describe, expect, test } from "bun:test";
import { compileFilter, type FilterOptions } from "../../src/flow/filter.ts";
import { keyPartsFor } from "../../src/flow/flow-subject.ts";
import { FlowTable, type FlowTableOptions } from "../../src/flow/flow-table.ts";
import { DIRECTION, FLOW_KEY_PART, SLOT_STATE } from "../../src/maps/enums.ts";
import { flow, flowKey } from "../../src/maps/structs.ts";

const NO_FILTER: FilterOptions = {
	pids: [],
	uids: [],
	processes: [],
	cgroupIds: [],
	containers: [],
	netns: [],
	local: [],
	remote: [],
	localPorts: [],
	remotePorts: [],
	ports: [],
	excludeLocal: [],
	excludeRemote: [],
	family: null,
	transport: null,
	direction: null,
};

const ipv4 = (...last: number[]): Uint8Array =>
	Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...last);

const comm = (name: string): Uint8Array => {
	const padded = new Uint8Array(16);
	padded.set(new TextEncoder().encode(name));
	return padded;
};

const KEY = {
	...flowKey.zero(),
	cgroup_id: 42n,
	netns: 4026531840,
	remote_port: 443,
	l4_proto: 6,
	direction: DIRECTION.DIRECTION_ACTIVE as number,
	comm: comm("curl"),
	local_address: ipv4(10, 0, 0, 1),
	remote_address: ipv4(10, 0, 0, 2),
};

type Slot = Parameters<typeof flow.encode>[0];

/** Stands where the kernel's memory would: slots are set as the BPF programs leave them. */
class Memory {
	readonly slots: number;
	readonly view: DataView;

	constructor(slots: number) {
		this.slots = slots;
		this.view = new DataView(new ArrayBuffer(slots * flow.size));
	}

	set(slot: number, values: Partial<Slot>): void {
		const before = flow.read(this.view, slot * flow.size, flow.zero());
		const live = { state: SLOT_STATE.SLOT_LIVE, key: KEY };
		flow.write(this.view, slot * flow.size, { ...before, ...live, ...values });
	}

	get(slot: number): Slot {
		return flow.read(this.view, slot * flow.size, flow.zero());
	}
}

const tableOf = (memory: Memory, options: Partial<FlowTableOptions> = {}): FlowTable =>
	new FlowTable(memory.view, memory.slots, {
		aggregate: "process",
		filter: null,
		containerOf: (id) => (id === "42" ? "c0ffee" : null),
		...options,
	});

const read = (table: FlowTable): ReturnType<FlowTable["read"]> => table.read("then", 1000);

describe("a reading of the flow table", () => {
	test("has what each flow grew by since the reading before", () => {
		const memory = new Memory(8);
		const table = tableOf(memory);
		memory.set(1, {
			opened: 3,
			closed: 1,
			failed: 2,
			bytes_sent: 100,
			bytes_received: 7,
			last_pid: 9,
			last_uid: 5,
		});
		expect(read(table)).toEqual([
			{
				type: "flow",
				time: "then",
				interval_ms: 1000,
				transport: "tcp",
				family: "ipv4",
				direction: "active",
				local_address: "10.0.0.1",
				local_port: null,
				remote_address: "10.0.0.2",
				remote_port: 443,
				listen_port: 443,
				process: "curl",
				last_pid: 9,
				uid: 5,
				netns: 4026531840,
				cgroup_id: "42",
				container_id: "c0ffee",
				connections_opened: 3,
				connections_failed: 2,
				connections_closed: 1,
				connections_open: 2,
				bytes_sent: 100,
				bytes_received: 7,
				segments_retransmitted: 0,
				...{ rtt_us: null, nat: null, remote_name: null },
			},
		]);
		memory.set(1, { bytes_sent: 150, segments_retransmitted: 4, rtt_sum_us: 90, rtt_samples: 2 });
		expect(read(table)).toMatchObject([
			{
				connections_opened: 0,
				connections_failed: 0,
				connections_open: 2,
				bytes_sent: 50,
				bytes_received: 0,
				segments_retransmitted: 4,
				rtt_us: 45,
			},
		]);
	});

	test("has an open flow in which nothing moved, and no closed one", () => {
		const memory = new Memory(8);
		const table = tableOf(memory);
		memory.set(1, { adopted: 1 });
		memory.set(2, { opened: 1, closed: 1 });
		expect(read(table)).toHaveLength(2);
		expect(read(table)).toMatchObject([{ connections_open: 1, bytes_sent: 0, bytes_received: 0 }]);
	});

	test("is right beyond 32 bits", () => {
		const memory = new Memory(4);
		const table = tableOf(memory);
		memory.set(1, { opened: 1, bytes_sent: 2 ** 32 - 1 });
		read(table);
		memory.set(1, { bytes_sent: 2 ** 40 + 5 });
		expect(read(table)).toMatchObject([{ bytes_sent: 2 ** 40 + 5 - (2 ** 32 - 1) }]);
	});

	test("knows no process where the kernel knew none", () => {
		const memory = new Memory(4);
		const key = { ...KEY, comm: comm(""), cgroup_id: 0n };
		memory.set(1, { opened: 1, last_uid: 2 ** 32 - 1, key });
		expect(read(tableOf(memory))).toMatchObject([
			{ process: null, last_pid: null, uid: null, cgroup_id: null, container_id: null },
		]);
	});

	test("gives a passive flow the local port as the one that listens", () => {
		const memory = new Memory(4);
		const key = { ...KEY, direction: DIRECTION.DIRECTION_PASSIVE, local_port: 80, remote_port: 0 };
		memory.set(1, { opened: 1, key });
		expect(read(tableOf(memory))).toMatchObject([
			{ direction: "passive", listen_port: 80, local_port: 80, remote_port: null },
		]);
	});

	test("is told whether anything is open, in whatever slot", () => {
		const memory = new Memory(200);
		const table = tableOf(memory);
		expect(table.hasOpen()).toBe(false);
		memory.set(1, { opened: 1, closed: 1 });
		expect(table.hasOpen()).toBe(false);
		memory.set(60, { references: 1 });
		expect(table.hasOpen()).toBe(true);
		memory.set(60, { references: 0 });
		memory.set(0, { references: 1, state: SLOT_STATE.SLOT_UNUSED });
		expect(table.hasOpen()).toBe(true);
	});

	test("finds a slot that was used out of order", () => {
		const memory = new Memory(200);
		memory.set(50, { opened: 1 });
		expect(read(tableOf(memory))).toHaveLength(1);
	});

	test("counts what found no slot apart", () => {
		const memory = new Memory(4);
		const table = tableOf(memory);
		memory.set(0, { opened: 5, failed: 2, adopted: 1, state: SLOT_STATE.SLOT_UNUSED });
		expect(read(table)).toEqual([]);
		expect(table.takeOverflow()).toBe(8);
		expect(table.takeOverflow()).toBe(0);
	});
});

describe("a filter that looks at more than the aggregate keeps", () => {
	const ports = compileFilter({ ...NO_FILTER, localPorts: ["1000-1999"] });

	test("has the kernel keep it apart", () => {
		expect(keyPartsFor({ aggregate: "service", filter: null })).toBe(0);
		expect(keyPartsFor({ aggregate: "process", filter: null })).toBe(FLOW_KEY_PART.KEY_PROCESS);
		expect(keyPartsFor({ aggregate: "connection", filter: null })).toBe(
			FLOW_KEY_PART.KEY_PROCESS | FLOW_KEY_PART.KEY_PORTS,
		);
		const filter = compileFilter({ ...NO_FILTER, pids: [1], uids: [0], ports: ["80"] });
		expect(keyPartsFor({ aggregate: "service", filter })).toBe(
			FLOW_KEY_PART.KEY_PROCESS |
				FLOW_KEY_PART.KEY_PORTS |
				FLOW_KEY_PART.KEY_PID |
				FLOW_KEY_PART.KEY_UID,
		);
	});

	test("chooses slots, and adds up those that make one row", () => {
		const memory = new Memory(8);
		const table = tableOf(memory, { filter: ports });
		memory.set(1, { opened: 1, bytes_sent: 10, last_pid: 7, key: { ...KEY, local_port: 1000 } });
		memory.set(2, { opened: 2, bytes_sent: 20, last_pid: 8, key: { ...KEY, local_port: 1999 } });
		memory.set(3, { opened: 4, bytes_sent: 40, last_pid: 9, key: { ...KEY, local_port: 2000 } });
		expect(read(table)).toMatchObject([
			{ connections_opened: 3, bytes_sent: 30, connections_open: 3, local_port: null, last_pid: 8 },
		]);
	});
});

describe("a slot whose flow is idle", () => {
	test("is retired, and free again a reading later", () => {
		const memory = new Memory(4);
		const table = tableOf(memory, { aggregate: "connection" });
		memory.set(1, { opened: 1, closed: 1 });
		read(table);
		expect(table.retire()).toMatchObject({ count: 0, freed: [] });
		read(table);
		const retired = table.retire();
		expect(retired).toMatchObject({ count: 1, freed: [] });
		expect(flowKey.decode(retired.keys)).toEqual(KEY);
		expect(memory.get(1).state).toBe(SLOT_STATE.SLOT_LIVE);
		read(table);
		expect(table.retire()).toMatchObject({ count: 0, freed: [1] });
		expect(memory.get(1)).toMatchObject({ opened: 0, closed: 0, state: SLOT_STATE.SLOT_FREED });
	});

	test("keeps its slot for ten readings where flows are few and come back", () => {
		const memory = new Memory(8);
		const table = tableOf(memory);
		memory.set(1, { opened: 1, closed: 1 });
		read(table);
		for (let reading = 0; reading < 9; reading++) {
			read(table);
			expect(table.retire().count).toBe(0);
		}
		read(table);
		expect(table.retire().count).toBe(1);
	});

	test("stays as long as a socket points to it", () => {
		const memory = new Memory(4);
		const table = tableOf(memory, { aggregate: "connection" });
		memory.set(1, { opened: 1, closed: 1, references: 1 });
		for (let reading = 0; reading < 5; reading++) {
			read(table);
			expect(table.retire().count).toBe(0);
		}
	});

	test("is not taken from a connection that came while it was retired", () => {
		const memory = new Memory(4);
		const table = tableOf(memory, { aggregate: "connection" });
		memory.set(1, { opened: 1, closed: 1 });
		read(table);
		read(table);
		expect(table.retire().count).toBe(1);
		memory.set(1, { opened: 2, references: 1 });
		expect(read(table)).toMatchObject([{ connections_opened: 1, connections_open: 1 }]);
		expect(table.retire()).toMatchObject({ count: 0, freed: [] });
		memory.set(1, { closed: 2, references: 0, bytes_sent: 5 });
		expect(read(table)).toMatchObject([{ connections_closed: 1, bytes_sent: 5 }]);
		expect(table.retire()).toMatchObject({ count: 0, freed: [] });
		read(table);
		expect(table.retire()).toMatchObject({ freed: [1] });
	});

	test("starts from zero with its next flow", () => {
		const memory = new Memory(4);
		const table = tableOf(memory, { aggregate: "connection" });
		memory.set(1, { opened: 9, closed: 9, bytes_sent: 99 });
		for (let reading = 0; reading < 3; reading++) {
			read(table);
			table.retire();
		}
		memory.set(1, { opened: 1, bytes_sent: 3, key: { ...KEY, comm: comm("next") } });
		expect(read(table)).toMatchObject([{ process: "next", connections_opened: 1, bytes_sent: 3 }]);
	});
});
