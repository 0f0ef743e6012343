import { expect } from "bun:test";
import { HeldMap } from "../support/bpf.ts";
import {
	Conntracer,
	eventsOf,
	gapsOf,
	type OutputRecord,
	summaryOf,
} from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("uns");
const COUNT = 20;

/** Its owner's name is in the entry. */
function isOfClient({ value }: { readonly value: readonly string[] }): boolean {
	return Buffer.from(value.map(Number)).includes(CLIENT);
}

/** What is in `conns` while connections are open, put back when they have ended: as if no hook had run. */
kernelTest("an end that no hook saw is found by its socket, and said in a gap", async () => {
	await using conntracer = await Conntracer.run("events", "--process", `${CLIENT}`);
	const conns = new HeldMap(conntracer.pid, "conns");
	await using traffic = new Traffic(["hold", "--count", `${COUNT}`, ...NAMES]);
	await traffic.held();
	const open = conns.entries().filter(isOfClient);
	expect(open.length).toBe(COUNT);
	await traffic.finish();
	await conntracer.until(
		"all closes",
		(records) => eventsOf(records).filter(({ event }) => event === "close").length >= COUNT,
	);
	for (const entry of open) conns.put(entry);
	const given = (records: readonly OutputRecord[]): number =>
		gapsOf(records).reduce((sum, { count }) => sum + count, 0);
	await conntracer.until("gaps", (records) => given(records) >= open.length);
	const { records, exitCode } = await conntracer.stop();
	expect(summaryOf(records).lost.connection_end).toBe(open.length);
	expect(given(records)).toBe(open.length);
	expect(new Set(gapsOf(records).map(({ stage }) => stage))).toEqual(new Set(["connection_end"]));
	expect(exitCode).toBe(0);
});
