import { describe, expect } from "bun:test";
import { release } from "node:os";
import type { EventRecord } from "../../src/flow/records.ts";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { Lines } from "../support/lines.ts";
import { NamespacePair, type NetworkNamespace, tcpCounter } from "../support/namespaces.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("rst");
const COUNT = 50;

/**
 * Since 6.10 (19822a980e19) the kernel also tells of resets that no socket sends. What comes after a
 * close finds a socket, or only what is left of it: which of the two, is a matter of moments.
 */
const [major = 0, minor = 0] = release().split(".").map(Number);
const TELLS_OF_ALL = major > 6 || (major === 6 && minor >= 10);

/** All events in both namespaces. */
class Traced implements AsyncDisposable {
	readonly pair = new NamespacePair();
	readonly numbers = this.pair.numbers();
	#conntracer: Conntracer | null = null;

	async start(): Promise<void> {
		const where = this.numbers.flatMap((number) => ["--netns", String(number)]);
		this.#conntracer = await Conntracer.run("events", "--events", "all", ...where);
	}

	/** Waits for as many that match, and ends it. */
	async end(count: number, matches: (event: EventRecord) => boolean): Promise<EventRecord[]> {
		if (this.#conntracer === null) throw new Error("not started");
		await this.#conntracer.until(
			`${count} events`,
			(records) => eventsOf(records, matches).length >= count,
		);
		return eventsOf((await this.#conntracer.stop()).records);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#conntracer?.[Symbol.asyncDispose]();
		this.pair[Symbol.dispose]();
	}
}

const is =
	(...names: readonly string[]) =>
	({ event }: EventRecord): boolean =>
		names.includes(event);
/** A cable has a queue for each CPU: a reset may overtake the handshake, and nobody accepts then. */
const ON_ONE_CPU = ["taskset", "1"];
const isReset = is("reset_sent", "reset_received");

/** `accept` and what is refused are on the right, and the other side on the left. */
function serve({ ipv4, prefix }: NetworkNamespace, args: readonly string[]): Traffic {
	return new Traffic(["serve", "--listen", ipv4, "--port", "7000", ...args, ...NAMES], prefix);
}

describe("a connection that ends with a reset", () => {
	const cases: [how: string, args: string[], sender: string, receiver: string][] = [
		["without data", ["--rst", "--request", "0", "--response", "0"], CLIENT, SERVER],
		["after data", ["--rst"], CLIENT, SERVER],
		["with data unread", ["--rst-unread"], SERVER, CLIENT],
		["by connect(AF_UNSPEC)", ["--disconnect"], CLIENT, SERVER],
	];
	for (const [how, args, sender, receiver] of cases)
		kernelTest(`${how} has one on each side, with its id`, async () => {
			await using traced = new Traced();
			const { left, right } = traced.pair;
			const all = ["--count", String(COUNT), ...args];
			await using server = serve(right, all);
			await server.ready();
			await traced.start();
			const client = ["client", "--connect", right.ipv4, "--port", "7000", ...all, ...NAMES];
			await runTraffic(client, [...left.prefix, ...ON_ONE_CPU]);
			await server.finish();
			const events = await traced.end(2 * COUNT, is("close"));
			const closes = new Map(events.filter(is("close")).map((event) => [event.id, event]));
			const [sending, receiving] = sender === CLIENT ? [left, right] : [right, left];
			// What comes too late, after the first one, is answered by another.
			const sent = tcpCounter(sending, "OutRsts");
			for (const [event, process, reason, least, most] of [
				["reset_sent", sender, "reset_sent", TELLS_OF_ALL ? sent : COUNT, sent],
				["reset_received", receiver, "reset_received", COUNT, COUNT],
			] as const) {
				const resets = events.filter(is(event));
				expect(new Set(resets.map(({ id }) => id)).size).toBe(COUNT);
				expect(resets.length).toBeGreaterThanOrEqual(least);
				expect(resets.length).toBeLessThanOrEqual(most);
				for (const reset of resets) {
					const { pid, local_port, remote_port, netns } = closes.get(reset.id) ?? {};
					expect(reset).toMatchObject({ process, pid, local_port, remote_port, netns });
					expect(closes.get(reset.id)?.close_reason).toBe(reason);
				}
			}
			expect(tcpCounter(receiving, "OutRsts")).toBe(0);
		});
});

kernelTest(
	"a refused connection has a reset on either side, of nobody on the refusing",
	async () => {
		await using traced = new Traced();
		const { left } = traced.pair;
		await traced.start();
		const { clients } = await runTraffic(
			["refused", "--count", String(COUNT), ...NAMES],
			left.prefix,
		);
		const events = await traced.end(COUNT, is("connect_failed"));
		const failed = new Map(events.filter(is("connect_failed")).map((event) => [event.id, event]));
		const received = events.filter(is("reset_received"));
		expect(received).toHaveLength(COUNT);
		for (const { id, pid, state, local_port } of received) {
			expect({ pid, state }).toEqual({ pid: clients[0]?.pid ?? 0, state: "SYN_SENT" });
			expect(failed.get(id)?.local_port).toBe(local_port);
		}
		const sent = events.filter(is("reset_sent"));
		expect(tcpCounter(left, "OutRsts")).toBe(COUNT);
		expect(sent).toHaveLength(TELLS_OF_ALL ? COUNT : 0);
		expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
		const attempts = new Set([...failed.values()].map(({ local_port }) => local_port));
		for (const event of sent) {
			expect(event).toMatchObject({
				...{ pid: null, process: null, attribution: null, direction: null, preexisting: false },
				...{ local_address: "127.0.0.1", local_port: received[0]?.remote_port },
				...{ remote_address: "127.0.0.1", netns: traced.numbers[0], family: "ipv4" },
			});
			expect(attempts.has(event.remote_port ?? 0)).toBe(true);
			expect(failed.has(event.id)).toBe(false);
		}
	},
);

kernelTest("a refused IPv6 connection, too", async () => {
	await using traced = new Traced();
	await traced.start();
	const { left } = traced.pair;
	await runTraffic(["refused", "--connect", "::1", ...NAMES], left.prefix);
	const events = await traced.end(1, is("connect_failed"));
	const sent = events.filter(is("reset_sent"));
	const [failed] = events.filter(is("connect_failed"));
	expect(sent).toHaveLength(TELLS_OF_ALL ? 1 : 0);
	for (const event of sent)
		expect(event).toMatchObject({
			...{ family: "ipv6", local_address: "::1", remote_address: "::1" },
			...{ local_port: failed?.remote_port, remote_port: failed?.local_port },
			netns: traced.numbers[0],
		});
});

describe("data for a socket after", () => {
	const brief = (): string => cProgram("brief");
	const cases: [how: string, what: string, reason: string, isSure: boolean][] = [
		["close", "close() is answered with a reset; the FIN was first", "local", TELLS_OF_ALL],
		["shutdown", "shutdown(SHUT_RDWR) is answered with a reset", "reset_sent", true],
	];
	for (const [how, what, reason, isSure] of cases)
		kernelTest(what, async () => {
			await using traced = new Traced();
			await traced.start();
			const { left } = traced.pair;
			const command = [...left.prefix, brief(), "late", how, "127.0.0.1", "7000"];
			const truth = Bun.spawnSync(command).stdout.toString().trim();
			expect(truth).toBe("EPIPE");
			const events = await traced.end(2, is("close"));
			const told = events
				.filter((event) => isReset(event) || event.event === "close")
				.map((e) => `${e.event} ${e.direction} ${e.close_reason} ${e.error}`);
			expect(told.toSorted()).toEqual([
				"close active reset_received EPIPE",
				`close passive ${reason} null`,
				"reset_received active null null",
				...(isSure || events.some(is("reset_sent")) ? ["reset_sent passive null null"] : []),
			]);
			expect(new Set(events.filter(is("accept", "reset_sent")).map(({ id }) => id)).size).toBe(1);
		});
});

describe("a peer that vanishes from an open connection is a timeout:", () => {
	const cases: [how: string, vanish: (pair: NamespacePair) => void][] = [
		["its cable is unplugged", (pair) => pair.unplugRight()],
		["its end of the cable is gone", (pair) => pair.removeCable()],
	];
	for (const [how, vanish] of cases)
		kernelTest(how, async () => {
			await using traced = new Traced();
			const { left, right } = traced.pair;
			await using server = serve(right, ["--count", "1"]);
			await server.ready();
			await traced.start();
			const brief = cProgram("brief");
			const command = [...left.prefix, brief, "vanish", "500", right.ipv4, "7000"];
			const client = Bun.spawn(command, { stdin: "pipe", stdout: "pipe" });
			const lines = new Lines("brief", client.stdout);
			const pid = await lines.wait("a pid", () => lines.all[0]?.split(" ").map(Number)[0]);
			vanish(traced.pair);
			client.stdin.write("\n");
			client.stdin.flush();
			const error = await lines.wait("an errno", () => lines.all[1]);
			await client.exited;
			const [close] = (await traced.end(1, is("close"))).filter(is("close"));
			expect(close).toMatchObject({ pid, direction: "active", close_reason: "timeout", error });
			expect(close?.bytes_sent).toBe(1);
		});
});
