/** Flows whose owners the kernel keeps apart. */

import { describe, expect, test } from "bun:test";
import { compileFilter } from "../../src/flow/filter.ts";
import { keyPartsFor } from "../../src/flow/flow-subject.ts";
import { FlowTable, type FlowTableOptions } from "../../src/flow/flow-table.ts";
import type { FlowRecord } from "../../src/flow/records.ts";
import { DIRECTION, FLOW_KEY_PART, SLOT_STATE } from "../../src/maps/enums.ts";
import { flow, flowKey } from "../../src/maps/structs.ts";
import { NO_OPTIONS } from "./filter-cases.ts";

const { KEY_PROCESS, KEY_PORTS, KEY_PID, KEY_UID } = FLOW_KEY_PART;

interface Slot {
	readonly key: Partial<ReturnType<typeof flowKey.zero>>;
	readonly opened: number;
}

/** As the BPF programs leave them; another process closed the last connection of each. */
function readingOf(slots: readonly Slot[], filter: FlowTableOptions["filter"]): FlowRecord[] {
	const view = new DataView(new ArrayBuffer((slots.length + 1) * flow.size));
	for (const [index, { key, opened }] of slots.entries())
		flow.write(view, (index + 1) * flow.size, {
			...{ ...flow.zero(), opened, last_pid: 99, last_uid: 98 },
			state: SLOT_STATE.SLOT_LIVE,
			key: { ...flowKey.zero(), direction: DIRECTION.DIRECTION_ACTIVE, ...key },
		});
	const options = { aggregate: "process", filter, byOwner: true, containerOf: () => null } as const;
	return new FlowTable(view, slots.length + 1, options).read("then", 1000);
}

describe("the key of a flow has process and user", () => {
	test.each([
		["service", 0],
		["process", KEY_PROCESS],
		["connection", KEY_PROCESS | KEY_PORTS],
	] as const)("with --aggregate %s", (aggregate, others) => {
		const parts = keyPartsFor({ aggregate, filter: null, byOwner: true });
		expect(parts).toBe(others | KEY_PID | KEY_UID);
	});
});

test("a row has the process and user of its key, whoever closed a connection", () => {
	const slots = [
		{ key: { pid: 7, uid: 33 }, opened: 1 },
		{ key: { uid: 2 ** 32 - 1 }, opened: 1 },
	];
	expect(readingOf(slots, null)).toMatchObject([
		{ last_pid: 7, uid: 33 },
		{ last_pid: null, uid: null },
	]);
});

test("a filter that has the kernel keep more apart does not add up two processes", () => {
	const filter = compileFilter({ ...NO_OPTIONS, localPorts: ["1000-1003"] });
	const slots = [
		{ key: { pid: 7, local_port: 1000 }, opened: 1 },
		{ key: { pid: 8, local_port: 1001 }, opened: 2 },
		{ key: { pid: 7, local_port: 1002 }, opened: 4 },
		{ key: { pid: 7, uid: 33, local_port: 1003 }, opened: 8 },
	];
	expect(readingOf(slots, filter)).toMatchObject([
		{ last_pid: 7, uid: 0, connections_opened: 5 },
		{ last_pid: 8, uid: 0, connections_opened: 2 },
		{ last_pid: 7, uid: 33, connections_opened: 8 },
	]);
});
