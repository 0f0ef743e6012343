import { expect, test } from "bun:test";
import type { AccountingRecord } from "../../src/flow/records.ts";
import { expectWhole, isEnd } from "../support/accounted.ts";
import { accountsOf, Conntracer, gapsOf } from "../support/conntracer.ts";
import { Conntrack } from "../support/conntrack.ts";
import { HOOKS, seesFlows } from "../support/hooks.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { accountingTest, lacks } from "../support/root.ts";

accountingTest("namespaces that come are followed, and those that go are let go", async () => {
	await using conntracer = await Conntracer.run("accounting");
	const pair = new NamespacePair();
	const [inode] = pair.numbers();
	const isHere = ({ netns }: AccountingRecord): boolean => netns === inode;
	try {
		const conntrack = new Conntrack(pair.left);
		const ping = ["ping", "-q", "-c", "1", pair.right.ipv4];
		const again = setInterval(() => {
			conntrack.flush();
			Bun.spawnSync([...pair.left.prefix, ...ping]);
		}, 500);
		try {
			await conntracer.until("a flow", (records) => accountsOf(records, isHere).length > 0);
		} finally {
			clearInterval(again);
		}
		pair.leaveLeft();
		await pair.untilCableIsGone();
	} finally {
		pair[Symbol.dispose]();
	}
	const { records, exitCode } = await conntracer.stop();
	expect(exitCode).toBe(0);
	expect(accountsOf(records, isHere).at(-1)?.event).toBe("destroy");
});

const wholeAtOnce = async (): Promise<void> => {
	await using conntracer = await Conntracer.run("accounting");
	const pair = new NamespacePair();
	const [inode] = pair.numbers();
	const isHere = ({ netns }: AccountingRecord): boolean => netns === inode;
	try {
		new Conntrack(pair.left);
		Bun.spawnSync([...pair.left.prefix, "ping", "-q", "-c", "2", "-i", "0.2", pair.right.ipv4]);
	} finally {
		pair.leaveLeft();
		pair[Symbol.dispose]();
	}
	const isHereOver = (account: AccountingRecord): boolean => isHere(account) && isEnd(account);
	await conntracer.until("its end", (records) => accountsOf(records, isHereOver).length > 0);
	const run = await conntracer.stop();
	const accounts = accountsOf(run.records, isHere).filter(({ transport }) => transport === "icmp");
	expectWhole(accounts, 1);
	expect(accounts.at(-1)).toMatchObject({ packets_original: 2, packets_reply: 2 });
	expect(gapsOf(run.records)).toEqual([]);
};
// There are none that are tracepoints.
if (HOOKS !== "tracepoint") {
	const isLacking = lacks("conntrack with fentry or kprobes", seesFlows(), "5.11");
	const name = "with hooks, flows of a namespace that comes and goes at once are whole";
	(isLacking ? test.skip : accountingTest)(name, wholeAtOnce);
}
