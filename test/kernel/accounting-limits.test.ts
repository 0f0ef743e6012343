import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { sysctl } from "../../src/enrich/procfs.ts";
import { AccountingConsumers, AccountingTracer, compileAccountingFilter } from "../../src/index.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";
import { Accounted, expectWhole, isEnd, lostOf } from "../support/accounted.ts";
import { accountsOf, gapsOf } from "../support/conntracer.ts";
import { DatagramProcess } from "../support/datagrams.ts";
import { accountingReason, accountingTest, guestTest } from "../support/root.ts";

accountingTest(
	"what the kernel has dropped is counted: messages and losses are the truth",
	async () => {
		await using accounted = new Accounted();
		await accounted.start("--buffer", "4k", "--strict");
		const count = 2000;
		await accounted.connect("ipv4", count);
		accounted.conntrack.flush();
		await accounted.conntracer.until(`${2 * count} messages, told or counted`, (records) => {
			const lost = gapsOf(records).reduce((sum, gap) => sum + gap.count, 0);
			return accountsOf(records).length + lost >= 2 * count;
		});
		const run = await accounted.conntracer.stop();
		const accounts = accountsOf(run.records);
		const updates = accounts.filter(({ event }) => event === "update");
		const begins = updates.filter(({ packets_original, bytes_original }) =>
			accounted.isHooked ? packets_original === 1 : bytes_original === null,
		);
		const { queue } = lostOf(run);
		expect(queue).toBeGreaterThan(0);
		const byFlow = [...Map.groupBy(accounts, ({ flow_id }) => flow_id).values()];
		for (const records of byFlow) expect(records.findIndex(isEnd)).toBe(records.length - 1);
		expect(byFlow.length).toBeLessThanOrEqual(count);
		// Of what was dropped a dump may have found the rest.
		const ends = byFlow.length;
		expect(updates.length + ends + queue).toBeGreaterThanOrEqual(2 * count);
		expect(begins.length + queue).toBeLessThanOrEqual(2 * count);
		expect(gapsOf(run.records).reduce((sum, { count: lost }) => sum + lost, 0)).toBe(queue);
		expect(run.exitCode).toBe(6);
	},
);

accountingTest(
	"flows that find no room have their beginning and their end, and are counted",
	async () => {
		await using accounted = new Accounted();
		await accounted.start("--max-flows", "10", "--strict", "--rate", "0=100ms");
		await accounted.connect("ipv4", 50);
		const run = await accounted.end(50);
		expect(lostOf(run).flow_table).toBe(40);
		expect(gapsOf(run.records).every(({ stage }) => stage === "flow_table")).toBe(true);
		expect(run.exitCode).toBe(6);
		const byPort = Map.groupBy(run.accounts, ({ source_port }) => source_port);
		expect(byPort.size).toBe(50);
		for (const records of byPort.values()) {
			expect(records[0]).toMatchObject({ event: "update", packets_original: 1 });
			expect(records.findIndex(isEnd)).toBe(records.length - 1);
		}
	},
);

accountingTest("consumers of the library have what they want of one account", async () => {
	await using accounted = new Accounted();
	const filter = compileAccountingFilter({ netns: accounted.pair.numbers().slice(0, 1) });
	await using tracer = AccountingTracer.open({ filter });
	const consumers = new AccountingConsumers();
	const [all, bill] = [consumers.add("all"), consumers.add("bill", { events: ["destroy"] })];
	const end = new AbortController();
	const fed = consumers.feed(tracer.batches(end.signal));
	await accounted.connect("ipv4", 20);
	accounted.conntrack.flush();
	const ends = async (consumer: typeof all) => {
		const found = [];
		for await (const { records, gaps } of consumer) {
			expect(gaps).toEqual([]);
			found.push(...records);
			if (found.filter(isEnd).length === 20) break;
		}
		return found;
	};
	const [ofAll, ofBill] = await Promise.all([ends(all), ends(bill)]);
	end.abort();
	await fed;
	expectWhole(ofAll, 20);
	expect(ofBill.length).toBe(20);
	expect(ofBill.every(isEnd)).toBe(true);
});

guestTest(
	"flows for which conntrack itself has no room are counted, in one line",
	"nf_conntrack_max is one for the whole machine",
	async () => {
		await using accounted = new Accounted();
		await using client = new DatagramProcess("full", accounted.left.prefix);
		await accounted.start("--strict");
		const sockets = 20;
		let refused = 0;
		const before = sysctl("net.netfilter.nf_conntrack_max");
		setMost(4);
		try {
			for (let socket = 0; socket < sockets; socket++) {
				await client.do("open inet");
				const sent = `send ${socket} 1 100 sendto ${accounted.right.ipv4} 9`;
				if ((await client.attempt(sent)).error === "EPERM") refused++;
			}
		} finally {
			setMost(before ?? 65_536);
		}
		expect(refused).toBeGreaterThan(0);
		const run = await accounted.end(sockets - refused);
		const flows = new Set(run.accounts.map(({ flow_id }) => flow_id));
		expect(flows.size).toBe(sockets - refused);
		expect(lostOf(run)).toEqual({ ...NOTHING_LOST, conntrack_table: refused });
		expect(gapsOf(run.records).every(({ stage }) => stage === "conntrack_table")).toBe(true);
		expect(run.exitCode).toBe(6);
	},
	accountingReason,
);

function setMost(flows: number): void {
	writeFileSync("/proc/sys/net/netfilter/nf_conntrack_max", String(flows));
}
