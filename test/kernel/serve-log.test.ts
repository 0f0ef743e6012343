import { describe, expect } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { bpfIdsOf, untilFreed } from "../support/bpf.ts";
import { conntracerBinary } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { until } from "../support/until.ts";

for (const format of ["logfmt", "json"] as const)
	kernelTest(`each line is one of ${format}, from the first to the last`, async () => {
		using scratch = new Scratch();
		await using service = await Service.start(scratch.in("api.sock"), "--log-format", format);
		for (const path of ["/healthz", "/stats", "/nothing", "/connections"]) await service.ask(path);
		await service.stop();
		const lines = service.said();
		const messages = lines.map((line) => {
			if (format === "json") return JSON.parse(line).message;
			expect(line).toMatch(/^(?:[\w.]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$))+$/);
			return / message=(\w+) /.exec(line)?.[1];
		});
		// Nothing of the requests.
		expect(messages).toEqual(["ready", "serving", "summary"]);
	});

/** Until it answers; then what is to be done with it, and whether it still does. */
async function outlives(
	command: readonly string[],
	socket: string,
	act: (child: Bun.Subprocess) => Promise<void>,
	stderr: "ignore" | "pipe" = "ignore",
): Promise<number> {
	const options = { stdin: "ignore", stdout: "ignore", stderr } as const;
	const child = Bun.spawn([...command], options);
	const status = (): Promise<number> =>
		fetch("http://localhost/healthz", { unix: socket }).then(
			(response) => response.status,
			() => 0,
		);
	try {
		await until("the service to answer", async () => (await status()) === 200);
		await act(child);
		expect(await status()).toBe(200);
		child.kill("SIGTERM");
		return await child.exited;
	} finally {
		child.kill("SIGKILL");
	}
}

const hangUp = async (child: Bun.Subprocess, count: number): Promise<void> => {
	for (let sent = 0; sent < count; sent++) {
		child.kill("SIGHUP");
		await Bun.sleep(10); // signals that come too fast are one to the kernel
	}
};

describe("a log that cannot be written does not end it", () => {
	for (const [what, redirection] of [
		["a full disk", "2>/dev/full"],
		["a pipe that nobody reads any more", "2> >(exec true)"],
		["neither output is there", "> >(exec true) 2>&1"],
	] as const)
		kernelTest(what, async () => {
			using scratch = new Scratch();
			const socket = scratch.in("api.sock");
			const script = `exec "$0" serve --socket "$1" ${redirection}`;
			const command = ["bash", "-c", script, conntracerBinary(), socket];
			expect(await outlives(command, socket, (child) => hangUp(child, 3))).toBe(0);
		});

	kernelTest("a reader that does not read", async () => {
		using scratch = new Scratch();
		const [socket, fifo, config] = ["api.sock", "fifo", "config"].map((name) => scratch.in(name));
		if (socket === undefined || fifo === undefined || config === undefined) throw new Error();
		Bun.spawnSync(["mkfifo", fifo]);
		// Opened for both, so that nobody waits for the other end.
		const reader = openSync(fifo, "r+");
		writeFileSync(config, "");
		const script = 'exec "$0" serve --socket "$1" --config "$2" 2> "$3"';
		const command = ["bash", "-c", script, conntracerBinary(), socket, config, fifo];
		const fill = async (child: Bun.Subprocess): Promise<void> => {
			writeFileSync(config, `${"x".repeat(3000)} = 1\n`);
			// A pipe has room for 64 kB.
			await hangUp(child, 40);
		};
		expect(await outlives(command, socket, fill)).toBe(0);
		closeSync(reader);
	});
});

kernelTest("other commands end with their terminal, and leave nothing", async () => {
	const watch = Bun.spawn([conntracerBinary(), "watch", "--transport", "tcp", "--json"], {
		...{ stdin: "ignore", stdout: "pipe", stderr: "ignore" },
	});
	const reader = watch.stdout.getReader();
	await reader.read();
	const ids = bpfIdsOf(watch.pid);
	expect(ids.programs.size).toBeGreaterThan(0);
	watch.kill("SIGHUP");
	await watch.exited;
	await untilFreed(ids);
	expect(watch.signalCode).toBe("SIGHUP");
});
