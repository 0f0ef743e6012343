import { describe, expect } from "bun:test";
import { connect as connectTo, createServer, type Socket } from "node:net";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { Accounted } from "../support/accounted.ts";
import { accountsOf, Conntracer, eventsOf, flowsOf } from "../support/conntracer.ts";
import { accountingReason, guestTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const WHY = "the clock can be set in a virtual machine only";
const HOUR_S = 3600;
/** Before anything is set, an hour forward, and back behind where it began. */
const STEPS_S = [0, HOUR_S, -2 * HOUR_S];
const PROGRAMS = STEPS_S.map((_, step) => ownPrograms(`ck${step}`));

/** By the wall clock, while nobody set it; in milliseconds. */
interface Span {
	readonly from: number;
	readonly to: number;
}

function setClock(bySeconds: number): void {
	const { exitCode } = Bun.spawnSync(["date", "-s", `@${Date.now() / 1000 + bySeconds}`]);
	expect(exitCode).toBe(0);
}

/** Sets the clock, and has something happen, for each step; the clock is as before at the end. */
async function atEachStep(happens: (step: number) => Promise<void>): Promise<Span[]> {
	const spans: Span[] = [];
	for (const [step, by] of STEPS_S.entries()) {
		if (by !== 0) setClock(by);
		const from = Date.now();
		await happens(step);
		spans.push({ from, to: Date.now() + 1 });
	}
	setClock(-STEPS_S.reduce((sum, by) => sum + by));
	return spans;
}

function expectIn({ from, to }: Span, times: readonly (string | null)[]): void {
	expect(times.length).toBeGreaterThan(0);
	const isIn = (time: string | null): boolean => {
		const ms = Date.parse(time ?? "");
		return ms >= from && ms <= to;
	};
	expect(times.filter((time) => !isIn(time))).toEqual([]);
}

/** Two connections, each open for a moment. */
const traffic = (step: number) =>
	runTraffic(["churn", "--count", "2", ...(PROGRAMS[step]?.names ?? [])]);

const isClientOf =
	(step: number) =>
	({ process }: { readonly process: string | null }): boolean =>
		process !== null && process === PROGRAMS[step]?.client;

/** A connection of this process, open until it is disposed of. */
class OpenConnection implements AsyncDisposable {
	readonly port: number;
	readonly #socket: Socket;
	readonly #server: ReturnType<typeof createServer>;

	private constructor(socket: Socket, server: ReturnType<typeof createServer>) {
		this.#socket = socket;
		this.#server = server;
		this.port = socket.localPort ?? 0;
	}

	static async open(): Promise<OpenConnection> {
		const server = createServer();
		await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
		const address = server.address();
		const port = typeof address === "object" && address !== null ? address.port : 0;
		const socket = connectTo(port, "127.0.0.1");
		await new Promise<void>((done) => socket.once("connect", done));
		return new OpenConnection(socket, server);
	}

	async close(): Promise<void> {
		if (this.#socket.destroyed) return;
		const isOver = new Promise<void>((done) => this.#socket.once("close", () => done()));
		this.#socket.destroy();
		await isOver;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
		this.#server.close();
	}
}

describe("times are of the clock as it was set then, and durations are what passed", () => {
	guestTest("events, also of what was open all the time", WHY, async () => {
		await using conntracer = await Conntracer.run("events");
		const before = performance.now();
		await using long = await OpenConnection.open();
		const openedAt = performance.now();
		let [closingAt, closedAt] = [0, 0];
		const spans = await atEachStep(async (step) => {
			await traffic(step);
			if (step === 2) {
				closingAt = performance.now();
				await long.close();
				closedAt = performance.now();
			}
			await conntracer.until("its ends", (records) => {
				const isEnd = eventsOf(records, ({ event }) => event === "close");
				return isEnd.filter(isClientOf(step)).length === 2;
			});
		});
		const { records } = await conntracer.stop();
		for (const [step, span] of spans.entries()) {
			const ours = eventsOf(records, isClientOf(step));
			expect(ours.length).toBe(4);
			expectIn(span, [...ours.map(({ time }) => time), ...ours.map(({ opened }) => opened)]);
			for (const { duration_ms } of ours)
				expect(duration_ms ?? 1).toBeWithin(0, span.to - span.from);
		}
		const [end] = eventsOf(
			records,
			({ event, local_port, direction }) =>
				event === "close" && direction === "active" && local_port === long.port,
		);
		expect(end?.duration_ms).toBeWithin(closingAt - openedAt, closedAt - before);
		const [first = { from: 0, to: 0 }, , last = { from: 0, to: 0 }] = spans;
		expectIn({ from: first.from - (openedAt - before) - 1, to: first.to }, [end?.opened ?? null]);
		expectIn(last, [end?.time ?? null]);
	});

	guestTest(
		"events that are read after the last step, in the order in which they were",
		WHY,
		async () => {
			await using tracer = EventTracer.open();
			const spans = await atEachStep(async (step) => {
				await traffic(step);
				// The clocks are read every 50 ms: what happens later than that before a step may have its time after.
				await Bun.sleep(100);
			});
			const { events, gaps } = tracer.dumpEvents();
			expect(gaps).toEqual([]);
			const steps = events.flatMap((event) =>
				STEPS_S.findIndex((_, step) => isClientOf(step)(event)),
			);
			const ours = steps.filter((step) => step >= 0);
			expect(ours).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
			for (const [step, span] of spans.entries())
				expectIn(
					span,
					events.filter(isClientOf(step)).map(({ time }) => time),
				);
		},
	);

	guestTest("watch", WHY, async () => {
		await using conntracer = await Conntracer.startTcp();
		const spans = await atEachStep(async (step) => {
			await traffic(step);
			await conntracer.untilClosed(2, isClientOf(step));
		});
		const passedMs = spans.reduce((sum, { from, to }) => sum + to - from, 0) + 60_000;
		const { records } = await conntracer.stop();
		for (const [step, span] of spans.entries()) {
			const ours = flowsOf(records, isClientOf(step));
			expectIn(
				span,
				ours.map(({ time }) => time),
			);
			for (const { interval_ms } of ours) expect(interval_ms).toBeWithin(1, passedMs);
		}
		const summary = records.at(-1);
		expect(summary?.type === "summary" && summary.duration_ms).toBeWithin(1, passedMs);
	});

	guestTest("serve", WHY, async () => {
		using scratch = new Scratch();
		await using service = await Service.start(scratch.in("api.sock"), "--transport", "tcp");
		await service.connections("all");
		const told: { time: string; opened: (string | null)[]; stats: string }[] = [];
		const spans = await atEachStep(async (step) => {
			await traffic(step);
			const { time, connections } = (await service.connections("all")) as unknown as {
				time: string;
				connections: { process: string | null; opened: string | null }[];
			};
			const opened = connections.filter(isClientOf(step)).map((one) => one.opened);
			const stats = (await (await service.ask("/stats")).json()) as { time: string };
			told.push({ time, opened, stats: stats.time });
		});
		for (const [step, span] of spans.entries()) {
			const { time = "", opened = [], stats = "" } = told[step] ?? {};
			expectIn(span, opened);
			expectIn(span, [time, stats]);
		}
	});

	guestTest(
		"accounting, whose reports stay due",
		WHY,
		async () => {
			await using accounted = new Accounted();
			await accounted.start();
			const reported: number[] = [];
			const spans = await atEachStep(async () => {
				await accounted.connect("ipv4", 2);
				const isOver = (count: number): boolean => count >= 2 * (reported.length + 1);
				await accounted.conntracer.until("its flows", (records) =>
					isOver(new Set(accountsOf(records).map(({ flow_id }) => flow_id)).size),
				);
				reported.push(accountsOf(accounted.conntracer.records).length);
			});
			const run = await accounted.end(6);
			for (const [step, span] of spans.entries()) {
				const ours = run.accounts.slice(reported[step - 1] ?? 0, reported[step]);
				expectIn(
					span,
					ours.map(({ time }) => time),
				);
				expectIn(
					span,
					ours.map(({ started }) => started),
				);
			}
		},
		accountingReason,
	);
});
