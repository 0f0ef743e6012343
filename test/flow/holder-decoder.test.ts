import { describe, expect, test } from "bun:test";
import { HolderDecoder } from "../../src/flow/holder-decoder.ts";
import { ATTRIBUTION } from "../../src/maps/enums.ts";
import { holder, owner } from "../../src/maps/structs.ts";

const names = {
	containerOf: (cgroupId: string) => `container of ${cgroupId}`,
	processOf: (pid: number) => ({ executable: `/bin/${pid}`, commandLine: null }),
};

function record(id: number, pid: number, changes: object = {}): Uint8Array {
	const who = {
		...{ pid, tid: pid + 1, uid: 33, cgroup_id: 7n },
		...{ attribution: ATTRIBUTION.ATTRIBUTION_SCAN, comm: new Uint8Array(16).fill(97, 0, 3) },
	};
	return holder.encode({ ...holder.zero(), id, owner: { ...owner.zero(), ...who }, ...changes });
}

function decoded(...records: readonly Uint8Array[]): HolderDecoder {
	const decoder = new HolderDecoder(names);
	const bytes = Uint8Array.from(records.flatMap((one) => [...one]));
	decoder.add(new DataView(bytes.buffer));
	return decoder;
}

describe("a look at open files", () => {
	test("has the listening sockets, and who holds them", () => {
		const listening = { netns: 4, port: 80, listener_pid: 5 };
		const { listeners, connections } = decoded(record(0, 5, listening), record(0, 6, listening));
		expect(listeners).toEqual([
			{ netns: 4, port: 80, listenerPid: 5, pid: 5 },
			{ netns: 4, port: 80, listenerPid: 5, pid: 6 },
		]);
		expect(connections.size).toBe(0);
	});

	test("has each connection with the process that holds it, under whatever numbers", () => {
		const { connections } = decoded(record(1, 5), record(2, 6), record(1, 5));
		expect([...connections.keys()]).toEqual(["1", "2"]);
		expect(connections.get("2")).toEqual({
			...{ pid: 6, tid: 7, process: "aaa", executable: "/bin/6", command_line: null, uid: 33 },
			...{ cgroup_id: "7", container_id: "container of 7", attribution: "scan" },
		});
	});

	test("has no connection that several processes hold", () => {
		const { connections } = decoded(record(1, 5), record(1, 6), record(1, 5), record(2, 5));
		expect([...connections.keys()]).toEqual(["2"]);
	});
});
