import { describe, expect } from "bun:test";
import { statSync } from "node:fs";
import { Conntracer, conntracerBinary, gapsOf } from "../support/conntracer.ts";
import { dnsOf, query } from "../support/dns.ts";
import { hostTest, kernelTest } from "../support/root.ts";

/** Asks itself, and is answered, 300 ms after it has come to its namespace. */
const QUICK = `
const { createSocket } = require("node:dgram");
const question = Buffer.from("${Buffer.from(query(7, "quick.test", "A")).toString("hex")}", "hex");
const [server, client] = [createSocket("udp4"), createSocket("udp4")];
server.on("message", (message, { port }) => {
	message[2] |= 0x80;
	server.send(message, port, "127.0.0.1");
});
client.on("message", () => process.exit());
server.bind(53, "127.0.0.1", () => setTimeout(() => client.send(question, 53, "127.0.0.1"), 300));
`;

kernelTest("what is asked in a namespace that lives for less than a second is heard", async () => {
	await using conntracer = await Conntracer.run("dns", "--timeout", "1m");
	const isQuick = ({ question_name }: { question_name: string | null }): boolean =>
		question_name === "quick.test";
	for (let count = 1; count <= 3; count++) {
		const script = 'ip link set lo up && exec "$0" -e "$1"';
		const command = ["unshare", "--net", "sh", "-c", script, process.execPath, QUICK];
		expect(await Bun.spawn(command).exited).toBe(0);
		await conntracer.until("its question", (all) => dnsOf(all, isQuick).length === count);
	}
	const { records } = await conntracer.stop();
	const quick = dnsOf(records, isQuick);
	expect(quick.map(({ response_code }) => response_code)).toEqual(Array(3).fill("NOERROR"));
	for (const { latency_us } of quick) expect(latency_us).toBeGreaterThan(0);
});

describe("descriptors", () => {
	const NAMESPACES = 100;
	const named = (index: number): string => `ct-${process.pid}-files-${index}`;
	const all = Array.from({ length: NAMESPACES }, (_, index) => named(index));

	hostTest("namespaces for which there are none are a gap, with what to do about it", async () => {
		using _names = {
			[Symbol.dispose]() {
				for (const name of all) Bun.spawnSync(["ip", "netns", "del", name]);
			},
		};
		for (const name of all) expect(Bun.spawnSync(["ip", "netns", "add", name]).success).toBe(true);
		const inodes = all.map((name) => statSync(`/run/netns/${name}`).ino);
		const program = ["prlimit", "--nofile=128:128", conntracerBinary()];
		const where = inodes.flatMap((inode) => ["--netns", String(inode)]);
		const args = ["dns", ...where, "--strict"];
		await using conntracer = await Conntracer.runAs(program, ...args);
		await conntracer.until("a gap", (records) => gapsOf(records).length > 0);
		const run = await conntracer.stop();
		const gaps = gapsOf(run.records);
		expect(gaps).toMatchObject([
			{ stage: "namespace", hint: expect.stringContaining("ulimit -n") },
		]);
		// Half of the descriptors are the rest of the program's.
		expect(gaps[0]?.count).toBeGreaterThanOrEqual(NAMESPACES - 64);
		expect(gaps[0]?.count).toBeLessThan(NAMESPACES);
		expect(run.exitCode).toBe(6);
	});

	hostTest("a soft limit is raised to the hard one", async () => {
		const program = ["prlimit", "--nofile=64:1024", conntracerBinary()];
		await using conntracer = await Conntracer.runAs(program, "dns");
		const limits = await Bun.file(`/proc/${conntracer.pid}/limits`).text();
		expect(limits).toMatch(/^Max open files +1024 +1024 /m);
	});
});
