import { expect } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { runShell } from "../support/conntracer.ts";
import { manyOf } from "../support/load.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("srv");

kernelTest("ten clients at one time hear what the programs did", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	const clients = Array.from({ length: 10 }, (_, index) => `client-${index}`);
	await Promise.all(clients.map((name) => service.connections(name)));
	const heard = new Map(clients.map((name) => [name, { sent: 0, received: 0, over: 0 }]));
	const hear = async (name: string): Promise<void> => {
		const sums = heard.get(name);
		const { connections, lost, gaps } = await service.connections(name);
		expect({ lost, gaps }).toEqual({ lost: { closed: 0, open: 0 }, gaps: [] });
		for (const { process, since_last, is_open, connections: count } of connections) {
			if (sums === undefined || process !== CLIENT) continue;
			sums.sent += since_last.bytes_sent ?? 0;
			sums.received += since_last.bytes_received ?? 0;
			if (!is_open) sums.over += count;
		}
	};
	let isDone = false;
	const asking = clients.map(async (name, index) => {
		while (!isDone) {
			await hear(name);
			await Bun.sleep(7 * index); // its own pace
		}
	});
	const bytes = ["--request", "777", "--response", "1234"];
	const count = manyOf(2000);
	const { clients: done } = await runTraffic(["churn", "--count", `${count}`, ...bytes, ...NAMES]);
	isDone = true;
	await Promise.all(asking);
	const truth = totals(done);
	const isAll = ({ over }: { over: number }): boolean => over >= truth.opened;
	const haveAll = async (): Promise<boolean> => {
		await Promise.all(clients.map(hear));
		return [...heard.values()].every(isAll);
	};
	const soFar = (): unknown => [...heard.values()].map(({ over }) => over);
	await until(`${truth.opened} ends at each client`, haveAll, { soFar });
	for (const sums of heard.values())
		expect(sums).toEqual({
			...{ sent: truth.bytes_sent, received: truth.bytes_received, over: truth.opened },
		});
	expect(truth.opened).toBe(count);
	const stats = await (await service.ask("/stats")).json();
	expect(stats).toMatchObject({ clients: 10, lost: { ring_buffer: 0, connection_table: 0 } });
	const { exitCode, stdout } = await service.stop();
	expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
	expect(await service.line("seen")).toContain("nothing lost");
	expect(existsSync(service.socket)).toBe(false);
});

kernelTest("its socket is for who runs it, and for one service at a time", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	expect((statSync(service.socket).mode & 0o777).toString(8)).toBe("600");
	const second = runShell(`"$CONNTRACER" serve --socket ${service.socket}`);
	expect({ exitCode: second.exitCode, stdout: second.stdout }).toEqual({ exitCode: 2, stdout: "" });
	expect(second.stderr).toMatch(/^conntracer: .*is served by another process.*\n$/);
	expect((await service.ask("/healthz")).status).toBe(200);
	await service.stop("SIGKILL");
	expect(existsSync(service.socket)).toBe(true);
	await using next = await Service.start(service.socket);
	expect((await next.ask("/healthz")).status).toBe(200);
	await next.stop();
	writeFileSync(scratch.in("file"), "something else");
	const third = runShell(`"$CONNTRACER" serve --socket ${scratch.in("file")}`);
	expect(third.stderr).toMatch(/^conntracer: .*is no socket.*\n$/);
	expect(third.exitCode).toBe(2);
});

kernelTest("on loopback it answers who knows the token", async () => {
	using scratch = new Scratch();
	const [file, token] = [scratch.in("token"), "a-token-of-a-test-0123456789"];
	writeFileSync(file, `${token}\n`, { mode: 0o600 });
	const listen = ["--listen", "127.0.0.1:0", "--token-file", file];
	await using service = await Service.start(scratch.in("api.sock"), ...listen);
	const [origin = ""] = /http:\S+/.exec(await service.line("serving")) ?? [];
	const status = async (authorization: string | null): Promise<number> => {
		const headers: Record<string, string> = authorization === null ? {} : { authorization };
		return (await fetch(`${origin}/healthz`, { headers })).status;
	};
	expect(await status(`Bearer ${token}`)).toBe(200);
	const port = new URL(origin).port;
	const taken = `"$CONNTRACER" serve --socket ${scratch.in("b")} --listen ${port} --token-file ${file}`;
	const second = runShell(taken);
	expect(second.stderr).toMatch(
		/^conntracer: "127\.0\.0\.1:\d+": [^\n]*\(choose another place\)\n$/,
	);
	expect(second.exitCode).toBe(2);
	for (const wrong of [null, "", "Bearer", `Bearer ${token}x`, `Basic ${token}`])
		expect(await status(wrong)).toBe(401);
});

kernelTest("an ordinary user is told what is missing, and nothing is left", async () => {
	using user = new OrdinaryUser();
	using scratch = new Scratch();
	const run = user.run([], "serve", "--socket", scratch.in("api.sock"));
	expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 3, stdout: "" });
	expect(run.stderr).toMatch(/^conntracer: .*CAP_(BPF|SYS_ADMIN).*\n$/);
	expect(existsSync(scratch.in("api.sock"))).toBe(false);
});
