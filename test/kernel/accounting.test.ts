import { describe, expect, test } from "bun:test";
import type { AccountingRecord } from "../../src/flow/records.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";
import {
	Accounted,
	addUp,
	CLIENT,
	expectNothingLost,
	expectWhole,
	type Family,
	isEnd,
	lostOf,
	PORT,
} from "../support/accounted.ts";
import { accountsOf, gapsOf, type Run } from "../support/conntracer.ts";
import type { Protocol } from "../support/conntrack.ts";
import { DatagramProcess, serve } from "../support/datagrams.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { accountingTest, isOlderThan, lacks, TRACES_UDP } from "../support/root.ts";

/** Header of UDP. */
const UDP_HEADER = 8;
/** Without options. */
const IP_HEADER = { ipv4: 20, ipv6: 40 } as const;
/** What `ping` sends: a header of ICMP and 56 bytes. */
const ECHO = 64;

/** Since 5.19 (90d1daa45849) the kernel tells the end only of flows that somebody listened to. */
const LACKS_AUTODETECTION = lacks("nf_conntrack_events 2", !isOlderThan("5.19"), "5.19");

const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];

const isOf =
	(transport: Protocol) =>
	(account: AccountingRecord): boolean =>
		account.transport === transport;

describe("the last counters of flows are those of nftables, and of the workload", () => {
	for (const family of FAMILIES) {
		accountingTest(`TCP over ${family}`, async () => {
			await using accounted = new Accounted();
			await accounted.start();
			const client = await accounted.connect(family, 20);
			const { conntrack, left, right } = accounted;
			const counted = { out: conntrack.counted("tcp", "out"), in: conntrack.counted("tcp", "in") };
			const run = await accounted.end(20);
			expectWhole(run.accounts, 20);
			const ends = run.accounts.filter(isEnd);
			expect(addUp(ends)).toEqual(counted);
			for (const end of ends)
				expect(end).toMatchObject({
					...{ transport: "tcp", source_address: left[family], nat: null },
					...{ destination_address: right[family], destination_port: PORT },
					...{ netns: accounted.pair.numbers()[0], connection_mark: 0 },
					...{ pid: client.pid, process: client.name },
				});
			expect(new Set(ends.map(({ source_port }) => source_port)).size).toBe(20);
			expectNothingLost(run);
		});

		accountingTest(`UDP over ${family}`, async () => {
			await using accounted = new Accounted();
			const { conntrack, left, right } = accounted;
			await using server = new DatagramProcess("as", right.prefix);
			await using client = new DatagramProcess("ac", left.prefix);
			await accounted.start();
			const port = await serve(server, right[family]);
			await client.do(`open ${family === "ipv4" ? "inet" : "inet6"}`);
			const sent = await client.do(`send 0 5 100 sendto ${right[family]} ${port}`);
			await server.do("receive 0 5 1000 recvfrom");
			const counted = conntrack.counted("udp", "out");
			const run = await accounted.end(1);
			const bytes = sent.bytes + 5 * (UDP_HEADER + IP_HEADER[family]);
			expect(counted).toEqual({ packets: 5, bytes });
			expectWhole(run.accounts, 1);
			const first = 100 + UDP_HEADER + IP_HEADER[family];
			expect(run.accounts[0]?.bytes_original).toBe(accounted.isHooked ? first : null);
			expect(addUp(run.accounts.filter(isEnd))).toEqual({
				out: counted,
				in: { packets: 0, bytes: 0 },
			});
			if (TRACES_UDP) for (const { process } of run.accounts) expect(process).toBe(client.name);
			expectNothingLost(run);
		});

		accountingTest(`ICMP over ${family}`, async () => {
			await using accounted = new Accounted();
			const { conntrack, left, right } = accounted;
			await accounted.start();
			const ping = ["ping", "-q", "-c", "3", "-i", "0.2", right[family]];
			expect(Bun.spawnSync([...left.prefix, ...ping]).exitCode).toBe(0);
			const protocol = family === "ipv4" ? "icmp" : "icmpv6";
			const bytes = 3 * (ECHO + IP_HEADER[family]);
			const both = { out: { packets: 3, bytes }, in: { packets: 3, bytes } };
			expect(conntrack.counted(protocol, "out")).toEqual(both.out);
			const run = await accounted.end(1);
			const ends = run.accounts.filter(isEnd).filter(isOf(protocol));
			expect(addUp(ends)).toEqual(both);
			const none = { source_port: null, destination_port: null, nat: null, process: null };
			expect(ends[0]).toMatchObject(none);
			expectNothingLost(run);
		});
	}
});

describe("network address translation", () => {
	accountingTest("a connection to another address and port has what it reaches", async () => {
		await using accounted = new Accounted();
		const { conntrack, left, right } = accounted;
		const elsewhere = { address: "203.0.113.7", port: 8080 };
		conntrack.nft(`table ip translated {
	chain out { type nat hook output priority -100; ip daddr ${elsewhere.address} tcp dport ${elsewhere.port} dnat to ${right.ipv4}:${PORT}; }
}`);
		Bun.spawnSync(["ip", "-n", left.name, "route", "add", "default", "via", right.ipv4]);
		await accounted.start();
		await accounted.connect("ipv4", 3, elsewhere);
		const run = await accounted.end(3);
		expectWhole(run.accounts, 3);
		for (const account of run.accounts)
			expect(account).toMatchObject({
				...{ source_address: left.ipv4, destination_address: elsewhere.address },
				destination_port: elsewhere.port,
				nat: {
					...{ source_address: left.ipv4, source_port: account.source_port },
					...{ destination_address: right.ipv4, destination_port: PORT },
				},
			});
	});

	accountingTest("a connection from another address has what the other side sees", async () => {
		await using accounted = new Accounted();
		const { conntrack, left, right, pair } = accounted;
		const seen = "10.77.0.11";
		pair.addAddress(left, seen);
		conntrack.nft(`table ip translated {
	chain out { type nat hook postrouting priority 100; ip daddr ${right.ipv4} snat to ${seen}; }
}`);
		await accounted.start();
		await accounted.connect("ipv4", 3);
		const run = await accounted.end(3);
		for (const account of run.accounts)
			expect(account).toMatchObject({
				...{ source_address: left.ipv4, destination_address: right.ipv4 },
				nat: { source_address: seen, destination_address: right.ipv4, destination_port: PORT },
			});
	});
});

describe("a flow from before the start is reported from its next packet on", () => {
	const play = async (events: "1" | "2") => {
		await using accounted = new Accounted({ nf_conntrack_events: events });
		const { left, right, conntrack } = accounted;
		await using server = new DatagramProcess("as", right.prefix);
		await using client = new DatagramProcess("ac", left.prefix);
		const port = await serve(server, right.ipv4);
		await client.do("open inet");
		await client.do(`send 0 3 100 sendto ${right.ipv4} ${port}`);
		await accounted.start("--rate", "0=100ms");
		expect(accounted.conntracer.ready.open_connections).toBe(1);
		await client.do(`send 0 2 100 sendto ${right.ipv4} ${port}`);
		const counts = (records: Run["records"]): unknown[] =>
			accountsOf(records).map(({ event, packets_original }) => [event, packets_original]);
		await accounted.conntracer.until("an update", (records) => counts(records).length > 0);
		const counted = conntrack.counted("udp", "out");
		const run = await accounted.end(1);
		expect(counts(run.records)).toEqual([
			["update", 5],
			["destroy", 5],
		]);
		const [update, end] = run.accounts;
		expect(end?.bytes_original).toBe(counted.bytes);
		expect([end?.flow_id, end?.started]).toEqual([update?.flow_id, update?.started]);
		return { run, isHooked: accounted.isHooked };
	};

	accountingTest("and to its end, where the kernel tells that of all", async () => {
		expectNothingLost((await play("1")).run);
	});

	const some = "and to its end, which is found, where that is told only of flows that were watched";
	(LACKS_AUTODETECTION ? test.skip : accountingTest)(some, async () => {
		const { run, isHooked } = await play("2");
		if (isHooked) {
			expectNothingLost(run);
			return;
		}
		expect(lostOf(run)).toEqual({ ...NOTHING_LOST, connection_end: 1 });
		expect(gapsOf(run.records)).toMatchObject([{ stage: "connection_end", count: 1 }]);
	});
});

accountingTest(
	"where the kernel tells nothing hooks do, or else it says so, and flows are found by looking",
	async () => {
		await using accounted = new Accounted({ nf_conntrack_events: "0" });
		await accounted.start("--rate", "0=100ms");
		await accounted.connect("ipv4", 2);
		const updates = (records: Run["records"]): AccountingRecord[] =>
			accountsOf(records, ({ event }) => event === "update");
		await accounted.conntracer.until("updates", (records) => updates(records).length >= 2);
		const run = await accounted.end(2);
		if (accounted.isHooked) {
			expectNothingLost(run);
			return;
		}
		expect(run.stderr).toMatch(/^conntracer: .*nf_conntrack_events is 0 in a network [^\n]*$/);
		expect(lostOf(run).connection_end).toBe(2);
	},
);

accountingTest("where nothing is counted it says so, and knows no numbers", async () => {
	await using accounted = new Accounted({ nf_conntrack_acct: "0" });
	await accounted.start();
	await accounted.connect("ipv4", 2);
	const run = await accounted.end(2);
	expect(run.stderr).toMatch(/^conntracer: .*nf_conntrack_acct is 0 in a network namespace[^\n]*$/);
	for (const end of run.accounts.filter(isEnd))
		expect(end).toMatchObject({ packets_original: null, bytes_reply: null });
});

accountingTest("--process is whose sockets they are", async () => {
	await using accounted = new Accounted();
	await accounted.start("--process", CLIENT);
	const { left, right } = accounted;
	Bun.spawnSync([...left.prefix, "ping", "-q", "-c", "1", right.ipv4]);
	await accounted.connect("ipv4", 5);
	const run = await accounted.end(5);
	expectWhole(run.accounts, 5);
	for (const account of run.accounts) expect(account.process).toBe(CLIENT);
	expectNothingLost(run);
});

describe("an ordinary user", () => {
	accountingTest("is told what is missing", async () => {
		using user = new OrdinaryUser();
		const run = user.run([], "accounting", "--json");
		expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 3, stdout: "" });
		expect(JSON.parse(run.stderr)).toMatchObject({
			...{ type: "error", code: "permission" },
			message: expect.stringMatching(/without CAP_NET_ADMIN$/),
		});
	});

	accountingTest("with net_admin has the own namespace", async () => {
		using user = new OrdinaryUser();
		const run = user.run(["net_admin"], "accounting", "--json", "-d", "500ms", "--hooks", "auto");
		expect({ exitCode: run.exitCode }).toEqual({ exitCode: 0 });
	});
});
