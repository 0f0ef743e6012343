import { describe, expect, test } from "bun:test";
import { AccountingConsumers } from "../../src/flow/accounting-consumers.ts";
import type { AccountingBatch, AccountingRecord } from "../../src/flow/records.ts";
import { account } from "../sink/accounting-fixtures.ts";
import { GAP } from "../sink/fixtures.ts";

const update = (id: number): AccountingRecord => account({ flow_id: `${id}`, event: "update" });
const destroy = (id: number): AccountingRecord => account({ flow_id: `${id}`, event: "destroy" });

async function* stream(...batches: readonly AccountingBatch[]) {
	for (const batch of batches) yield batch;
}

const readAll = async (consumer: AsyncIterable<AccountingBatch>) => {
	const [records, gaps]: [AccountingRecord[], AccountingBatch["gaps"][number][]] = [[], []];
	for await (const batch of consumer) {
		records.push(...batch.records);
		gaps.push(...batch.gaps);
	}
	return { ids: records.map(({ event, flow_id }) => `${event} ${flow_id}`), gaps };
};

const THREE: readonly AccountingBatch[] = [
	{ records: [update(1), update(2)], gaps: [] },
	{ records: [destroy(1)], gaps: [GAP] },
	{ records: [destroy(2), update(3)], gaps: [] },
];

describe("consumers", () => {
	test("are each given what they want, and every gap", async () => {
		const consumers = new AccountingConsumers();
		const all = consumers.add("all");
		const ends = consumers.add("ends", { events: ["destroy"] });
		const [fed, of, ofEnds] = [consumers.feed(stream(...THREE)), readAll(all), readAll(ends)];
		await fed;
		expect(await of).toEqual({
			ids: ["update 1", "update 2", "destroy 1", "destroy 2", "update 3"],
			gaps: [GAP],
		});
		expect(await ofEnds).toEqual({ ids: ["destroy 1", "destroy 2"], gaps: [GAP] });
		expect(all.stats).toEqual({ received: 5, lost: { update: 0, destroy: 0 }, waiting: 0 });
	});

	test("that do not read lose what finds no room, and are told; others lose nothing", async () => {
		const consumers = new AccountingConsumers();
		const slow = consumers.add("slow", { capacity: 2 });
		const quick = consumers.add("quick");
		const fed = consumers.feed(stream(...THREE));
		const ofQuick = await readAll(quick);
		await fed;
		expect(slow.stats).toEqual({ received: 0, lost: { update: 1, destroy: 2 }, waiting: 2 });
		const ofSlow = await readAll(slow);
		expect(ofSlow.ids).toEqual(["update 1", "update 2"]);
		expect(ofSlow.gaps).toMatchObject([GAP, { type: "gap", stage: "queue", count: 3 }]);
		expect(ofQuick.ids.length).toBe(5);
	});

	test("have names of their own", () => {
		const consumers = new AccountingConsumers();
		const first = consumers.add("one");
		expect(() => consumers.add("one")).toThrow('there is a consumer "one" already');
		expect(consumers.get("one")).toBe(first);
		expect(consumers.get("two")).toBeNull();
		expect(() => consumers.add("two", { capacity: 0 })).toThrow(RangeError);
	});

	test("that are removed end, and their name is free", async () => {
		const consumers = new AccountingConsumers();
		const gone = consumers.add("one");
		gone.give({ records: [update(1)], gaps: [] });
		const reading = readAll(gone);
		consumers.remove("one");
		expect((await reading).ids).toEqual(["update 1"]);
		consumers.add("one");
		await consumers.feed(stream(...THREE));
		expect(gone.stats.waiting).toBe(0);
	});

	test("end with the stream, and with its error", async () => {
		const consumers = new AccountingConsumers();
		const reading = readAll(consumers.add("one"));
		const broken = async function* () {
			yield { records: [update(1)], gaps: [] };
			throw new Error("broken");
		};
		expect(consumers.feed(broken())).rejects.toThrow("broken");
		expect((await reading).ids).toEqual(["update 1"]);
		expect((await readAll(consumers.add("late"))).ids).toEqual([]);
	});
});
