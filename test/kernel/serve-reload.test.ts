import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { DatagramSocket } from "../support/datagram-socket.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("rld");
const TOKENS = ["a-token-of-a-test-0123456789", "another-token-of-a-test-987654"] as const;

/** A service with a configuration file, and what it says when it has read that again. */
class Configured implements AsyncDisposable {
	readonly service: Service;
	readonly #file: string;
	#reloads = 0;

	private constructor(service: Service, file: string) {
		this.service = service;
		this.#file = file;
	}

	static async start(scratch: Scratch, config: string, ...args: readonly string[]) {
		const file = scratch.in("config.toml");
		writeFileSync(file, config);
		const service = await Service.start(scratch.in("api.sock"), "--config", file, ...args);
		return new Configured(service, file);
	}

	/** The one line that it says. */
	async reload(config: string): Promise<string> {
		writeFileSync(this.#file, config);
		this.service.kill("SIGHUP");
		this.#reloads++;
		const lines = await this.service.lines(/reloaded/, this.#reloads);
		return lines.at(-1) ?? "";
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.service[Symbol.asyncDispose]();
	}
}

async function processesSeen(service: Service, client: string): Promise<Set<string | null>> {
	const { connections } = await service.connections(client);
	return new Set(connections.map(({ process }) => process));
}

kernelTest(
	"SIGHUP has filters take effect at once, where the kernel lets all through",
	async () => {
		using scratch = new Scratch();
		await using configured = await Configured.start(scratch, "");
		const { service } = configured;
		await service.connections("a");
		expect(await configured.reload('process = "nobody"')).toBe("conntracer: reloaded: --process");
		await runTraffic(["churn", "--count", "20", ...NAMES]);
		expect(await processesSeen(service, "a")).toEqual(new Set());
		expect(await configured.reload(`process = "${CLIENT}"`)).toContain("--process");
		await runTraffic(["churn", "--count", "20", ...NAMES]);
		expect(await processesSeen(service, "a")).toEqual(new Set([CLIENT]));
		expect(await configured.reload(`process = "${CLIENT}"`)).toContain("nothing else than before");
		expect((await service.stop()).exitCode).toBe(0);
	},
);

kernelTest(
	"a filter that the kernel would have to know takes a restart, and is named",
	async () => {
		using scratch = new Scratch();
		await using configured = await Configured.start(scratch, 'remote-port = "1-1000"');
		const said = await configured.reload('remote-port = "80"\nbuffer = "1m"\nmax-clients = 7');
		expect(said).toBe(
			"conntracer: reloaded: --max-clients; restart to apply: --remote-port, --buffer",
		);
		// They are still not what is in force.
		expect(await configured.reload('remote-port = "80"\nbuffer = "1m"\nmax-clients = 7')).toContain(
			"nothing else than before; restart to apply: --remote-port, --buffer",
		);
		expect(await configured.reload('remote-port = "1-1000"\nmax-clients = 7')).toBe(
			"conntracer: reloaded: nothing else than before",
		);
	},
);

kernelTest("what is wrong is said in one line, and nothing of it is taken", async () => {
	using scratch = new Scratch();
	await using configured = await Configured.start(scratch, "max-clients = 1");
	const { service } = configured;
	for (const [config, why] of [
		["max-clients = 2\nmax-clinets = 3", "did you mean max-clients?"],
		['max-clients = 2\nremote = "no-address"', "no-address"],
		["max-clients = 2\nlisten = 8080", "takes a token"],
		["max-clients = ", "config.toml"],
	] as const) {
		const said = await configured.reload(config);
		expect(said).toStartWith("conntracer: not reloaded: ");
		expect(said).toContain(why);
	}
	await service.connections("one");
	expect((await service.ask("/connections?client_id=two")).status).toBe(503);
	expect(await configured.reload("max-clients = 2")).toContain("--max-clients");
	expect((await service.ask("/connections?client_id=two")).status).toBe(200);
});

kernelTest("a token is another one from then on", async () => {
	using scratch = new Scratch();
	const token = scratch.in("token");
	writeFileSync(token, TOKENS[0], { mode: 0o600 });
	const listen = ["--listen", "127.0.0.1:0", "--token-file", token];
	await using configured = await Configured.start(scratch, "", ...listen);
	const [origin = ""] = /http:\S+/.exec(await configured.service.line("serving")) ?? [];
	const statuses = (): Promise<number[]> =>
		Promise.all(
			TOKENS.map(async (each) => {
				const headers = { authorization: `Bearer ${each}` };
				return (await fetch(`${origin}/healthz`, { headers })).status;
			}),
		);
	expect(await statuses()).toEqual([200, 401]);
	writeFileSync(token, TOKENS[1]);
	expect(await configured.reload("")).toBe("conntracer: reloaded: --token-file");
	expect(await statuses()).toEqual([401, 200]);
	writeFileSync(token, "short");
	expect(await configured.reload("")).toContain("less than 16 characters");
	expect(await statuses()).toEqual([401, 200]);
});

kernelTest("the service manager hears of all of it, and the watchdog of its life", async () => {
	using scratch = new Scratch();
	using manager = new DatagramSocket(scratch.in("notify"));
	const socket = scratch.in("api.sock");
	const env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "200000" };
	await using service = await Service.startWith(env, socket);
	const next = async () => {
		for (;;) {
			const fields = await manager.next();
			if (!("WATCHDOG" in fields)) return fields;
		}
	};
	expect(await next()).toEqual({ READY: "1", STATUS: `serving unix:${socket}` });
	expect((await service.ask("/healthz")).status).toBe(200);
	expect(await manager.next()).toEqual({ WATCHDOG: "1" });
	service.kill("SIGHUP");
	expect(await next()).toMatchObject({ RELOADING: "1", MONOTONIC_USEC: expect.any(String) });
	expect(await next()).toMatchObject({ READY: "1" });
	const stopped = service.stop();
	expect(await next()).toMatchObject({ STOPPING: "1" });
	expect((await stopped).exitCode).toBe(0);
});
