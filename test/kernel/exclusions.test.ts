/** Exclusions of the config file, on the built binary: they are not shown, and the proof is whole. */

import { afterAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addUp, Conntracer, flowsOf, type OutputRecord, summaryOf } from "../support/conntracer.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { listed } from "../support/listing.ts";
import { kernelTest, udpTest } from "../support/root.ts";
import { COMMANDS, COUNT, expectOnly, NOISE, Scene, untilEnded, WANTED } from "../support/scene.ts";

const NOISE_COUNT = 50;
const SIDES = ["client", "server"] as const;
const OURS = [WANTED, NOISE].flatMap(({ client, server }) => [client, server]);

const directory = mkdtempSync(join(tmpdir(), "conntracer-exclusions-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
	const path = join(directory, "exclusions.toml");
	writeFileSync(path, text);
	return path;
}

/** The noise talks on 127.0.0.1, and the wanted traffic on ::1. */
const tables = (noisePort: number): string => `
[exclude-remote]
"127.0.0.1" = [${noisePort}, "udp 53"]
"2001:db8::/32" = ["*"]
[exclude-local]
"127.0.0.0/8" = ["udp *", "tcp ${noisePort}-${noisePort}"]
`;

for (const [command, expectExactly] of COMMANDS)
	describe(`${command[0]}, with tables of exclusions in the file`, () => {
		kernelTest("shows the others, exactly, and the kernel's counters have all", async () => {
			await using scene = new Scene("churn", NOISE_COUNT, "exclusions");
			const { here, noisePort } = await scene.ready();
			const config = ["--config", file(tables(noisePort))];
			await using conntracer = await Conntracer.run(...command, ...here, ...config);
			scene.noise.go();
			scene.wanted.go();
			const { wanted } = await scene.finish();
			await untilEnded(conntracer, SIDES);
			const run = await conntracer.stop();
			expectOnly(run, SIDES);
			expectExactly(run, SIDES, wanted);
			expectNothingLost(run);
			const { seen } = summaryOf(run.records);
			expect(seen.active_opens).toBe(COUNT + NOISE_COUNT);
			expect(seen.passive_opens).toBe(COUNT + NOISE_COUNT);
		});
	});

kernelTest("a list has the others alone", async () => {
	await using scene = new Scene("hold", NOISE_COUNT, "exclusions");
	const { here, noisePort } = await scene.ready();
	scene.noise.go();
	scene.wanted.go();
	await Promise.all([scene.noise.held(), scene.wanted.held()]);
	const all = listed(...here).filter(({ process }) => OURS.includes(process ?? ""));
	const config = ["--config", file(tables(noisePort))];
	const rest = listed(...here, ...config).filter(({ process }) => OURS.includes(process ?? ""));
	expect({ all: all.length, rest: rest.length }).toEqual({
		all: 2 * (COUNT + NOISE_COUNT),
		rest: 2 * COUNT,
	});
	expect(new Set(rest.map(({ process }) => process))).toEqual(
		new Set([WANTED.client, WANTED.server]),
	);
});

/** Each port gets 100 bytes from a socket of its own. */
const SENDER = `
use Socket;
for my $port (@ARGV) {
	socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!;
	send($s, "x" x 100, 0, sockaddr_in($port, INADDR_LOOPBACK)) == 100 or die $!;
}
`;

udpTest(
	"LocalDNSCollectionDisabled: what asks a resolver on this machine is not shown",
	async () => {
		const [resolver, other] = [47_053, 47_054];
		const exclude = ["--exclude-remote", `127.0.0.0/8 udp ${resolver},::1 udp ${resolver}`];
		await using conntracer = await Conntracer.start("--transport", "udp", ...exclude);
		const sender = Bun.spawn(["perl", "-e", SENDER, `${resolver}`, `${other}`]);
		expect(await sender.exited).toBe(0);
		const sent = (records: readonly OutputRecord[]) =>
			flowsOf(records, ({ last_pid }) => last_pid === sender.pid);
		await conntracer.until("100 bytes", (records) => addUp(sent(records)).bytes_sent >= 100);
		const run = await conntracer.stop();
		expect(addUp(sent(run.records))).toMatchObject({ connections_opened: 1, bytes_sent: 100 });
		expect(
			new Set(sent(run.records).map(({ remote_port, listen_port }) => remote_port ?? listen_port)),
		).toEqual(new Set([other]));
	},
);
