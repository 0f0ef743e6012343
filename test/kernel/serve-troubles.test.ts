import { expect } from "bun:test";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic, totals } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("trb");
/** Descriptors that are open stay; there is none below for a new one. */
const NONE = "3:1024";
const MANY = "1024:1024";

function limitDescriptors(pid: number, limits: string): void {
	const { exitCode } = Bun.spawnSync(["prlimit", "--pid", `${pid}`, `--nofile=${limits}`]);
	expect(exitCode).toBe(0);
}

/** Who has accepted is not known before a look at open files. */
async function acceptInAChild(): Promise<void> {
	await using parent = Puppet.start();
	const [listener, port] = await parent.listen();
	const worker = await parent.make("fork", "worker");
	await using client = Puppet.start();
	await client.connect(port);
	await worker.do("accept", listener);
}

kernelTest("where a look fails the service says so, goes on, and loses nothing", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"), "--log-format", "json");
	await service.connections("one");
	limitDescriptors(service.pid, NONE);
	const bytes = ["--request", "777", "--response", "1234"];
	await acceptInAChild();
	const { clients } = await runTraffic(["churn", "--count", "100", ...bytes, ...NAMES]);
	await service.line("EMFILE");
	limitDescriptors(service.pid, MANY);
	const truth = totals(clients);
	const heard = { opened: 0, bytes_sent: 0, bytes_received: 0 };
	for (let look = 0; look < 100 && heard.opened < truth.opened; look++) {
		const { connections, lost, gaps } = await service.connections("one");
		expect({ lost, gaps }).toEqual({ lost: { closed: 0, open: 0 }, gaps: [] });
		for (const { process, since_last } of connections) {
			if (process !== CLIENT) continue;
			heard.opened += since_last.connections_opened;
			heard.bytes_sent += since_last.bytes_sent ?? 0;
			heard.bytes_received += since_last.bytes_received ?? 0;
		}
	}
	const { opened, bytes_sent, bytes_received } = truth;
	expect(heard).toEqual({ opened, bytes_sent, bytes_received });
	const { exitCode } = await service.stop();
	expect(exitCode).toBe(0);
	const lines = service
		.said()
		.map((line) => JSON.parse(line) as { message: string; error?: string });
	const failures = lines.filter(({ message }) => message === "failed").map(({ error }) => error);
	expect(failures.length).toBeGreaterThan(0);
	expect(new Set(failures).size).toBe(failures.length);
});
