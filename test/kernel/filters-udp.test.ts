/** Filters of UDP, in the kernel: what nobody asked for takes no room. */

import { expect } from "bun:test";
import { addUp, Conntracer, flowsOf, gapsOf, type OutputRecord } from "../support/conntracer.ts";
import { udpTest } from "../support/root.ts";

const PEERS = 100;
/** Sends 100 bytes to each port when it is told to, says so, and keeps its socket to the end. */
const SENDER = `
use Socket;
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!;
<STDIN>;
for my $port (@ARGV) {
	send($s, "x" x 100, 0, sockaddr_in($port, INADDR_LOOPBACK)) == 100 or die $!;
}
syswrite(STDOUT, "sent");
<STDIN>;
`;

class Sender implements AsyncDisposable {
	readonly #child;

	constructor(ports: readonly number[]) {
		const command = ["perl", "-e", SENDER, ...ports.map(String)];
		this.#child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe" });
	}

	get pid(): number {
		return this.#child.pid;
	}

	async send(): Promise<void> {
		this.#child.stdin.write("\n");
		this.#child.stdin.flush();
		const { value } = await this.#child.stdout.getReader().read();
		expect(new TextDecoder().decode(value)).toBe("sent");
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

const from = (first: number): number[] => Array.from({ length: PEERS }, (_, i) => first + i);

for (const [name, args] of [
	["-p", (pid: number) => ["-p", `${pid}`]],
	["--remote-port", () => ["--remote-port", "47001-47002", "--direction", "active"]],
] as const)
	udpTest(`${name}: the ${PEERS} peers of another process take no room for 8`, async () => {
		await using noise = new Sender(from(47_003));
		await using sender = new Sender([47_001, 47_002, 47_001]);
		const udp = ["--transport", "udp", "--max-connections", "8"];
		await using conntracer = await Conntracer.start(...udp, ...args(sender.pid));
		await noise.send();
		await sender.send();
		const sent = (records: readonly OutputRecord[]) =>
			addUp(flowsOf(records, ({ last_pid }) => last_pid === sender.pid));
		await conntracer.until("300 bytes", (records) => sent(records).bytes_sent >= 300);
		const run = await conntracer.stop();
		expect(sent(run.records)).toMatchObject({ connections_opened: 2, bytes_sent: 300 });
		expect(flowsOf(run.records, ({ last_pid }) => last_pid !== sender.pid)).toEqual([]);
		expect(gapsOf(run.records)).toEqual([]);
		expect(run.exitCode).toBe(0);
	});
