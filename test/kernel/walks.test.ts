/** Walks over maps: each way that this kernel has, and a kernel that has none. */

import { describe, expect } from "bun:test";
import { event } from "../../src/maps/structs.ts";
import { DEFAULTS } from "../../src/trace/event-options.ts";
import { eventTypesOf } from "../../src/trace/event-types.ts";
import { KernelSide } from "../../src/trace/kernel-side.ts";
import { Conntracer, conntracerBinary, eventsOf, summaryOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { featuresHere } from "../support/hooks.ts";
import { manyOf } from "../support/load.ts";
import { type Refused, refusing } from "../support/refuse.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("walk");
const REFUSED_BOTH: readonly Refused[] = ["test_run", "map_iterators"];

/** What has to be refused for one to be taken. */
const FORCED = { syscall: "map_iterators", iterator: "test_run" } as const;
const WAYS = Object.keys(FORCED) as (keyof typeof FORCED)[];

function has(way: keyof typeof FORCED): boolean {
	const ways = featuresHere().find(({ feature }) => feature === "map_walks")?.ways ?? [];
	return ways.some(({ hook, available }) => hook === way && available === true);
}

/** Held ones, so that walks have something to do, that move something at each step. */
async function watched(program: readonly string[]) {
	await using conntracer = await Conntracer.runAs(program, "watch", "-i", "50ms");
	await using traffic = new Traffic(["hold", "--count", "200", ...NAMES]);
	await traffic.held();
	for (let step = 0; step < 5; step++) await traffic.step();
	const truth = await traffic.finish();
	await conntracer.untilClosed(400, processIs(CLIENT, SERVER));
	return { ready: conntracer.ready, run: await conntracer.stop(), truth };
}

describe("where one way is refused, the other finds the same:", () => {
	for (const way of WAYS)
		kernelTest(way, async () => {
			if (!has(way)) {
				const other = WAYS.filter((one) => one !== way);
				// The kernel refuses it by itself: nothing is to be forced.
				const { ready } = await watched([conntracerBinary()]);
				expect(other).toContain(ready.hooks["map_walks"] as keyof typeof FORCED);
				return;
			}
			const { ready, run, truth } = await watched(refusing([FORCED[way]], [conntracerBinary()]));
			expect(ready.hooks["map_walks"]).toBe(way);
			expectSide(sideOf(run, CLIENT, "active"), truth.clients);
			expectSide(sideOf(run, SERVER, "passive"), truth.servers);
			expectNothingLost(run);
		});
});

describe("where both are refused", () => {
	for (const command of ["watch", "top", "serve --socket /nonexistent/socket"])
		kernelTest(`${command.split(" ")[0]} says which programs, and why`, async () => {
			const program = refusing(REFUSED_BOTH, [conntracerBinary(), ...command.split(" "), "--json"]);
			const run = Bun.spawnSync(command.startsWith("serve") ? program.slice(0, -1) : program);
			const [line = "", ...others] = run.stderr.toString().trim().split("\n");
			expect(others).toEqual([]);
			// A kernel that is too old for the object with the one is not asked for it.
			expect(line).toMatch(/the kernel refuses (syscall, )?iter\/bpf_map_elem \(program walk__/);
			expect(line).toContain("seccomp");
			expect(run.exitCode).toBe(3);
		});

	kernelTest("events runs without, and says what it does not find", async () => {
		const program = refusing(REFUSED_BOTH, [conntracerBinary()]);
		await using conntracer = await Conntracer.runAs(program, "events", "--process", CLIENT);
		expect(conntracer.ready.hooks["map_walks"]).toStartWith("none: ends that no hook sees");
		await using traffic = new Traffic(["churn", "--count", "100", ...NAMES]);
		await traffic.finish();
		await conntracer.until(
			"all closes",
			(records) => eventsOf(records).filter(({ event }) => event === "close").length >= 100,
		);
		const { records, exitCode } = await conntracer.stop();
		const { seen, kernel } = summaryOf(records);
		expect(seen).toEqual(kernel);
		expect(exitCode).toBe(0);
	});
});

describe("where every BPF program is refused", () => {
	for (const command of ["watch", "events", "top", "list"])
		kernelTest(`${command} says so, and that it is a filter of system calls`, async () => {
			const program = refusing(["prog_load"], [conntracerBinary(), command, "--json"]);
			// A family that is asked for would be what is missing.
			const env = { ...process.env, CONNTRACER_HOOKS: "auto" };
			const run = Bun.spawnSync(program, { env });
			const { code, message, hint } = JSON.parse(run.stderr.toString());
			expect({ code, exitCode: run.exitCode }).toEqual({ code: "permission", exitCode: 3 });
			expect(message).toContain("the kernel refuses every BPF program (bpf(2): EPERM)");
			expect(hint).toContain("seccomp");
		});
});

/** Rows of the connections that are open, as one walk shows them. */
function shown(kernel: KernelSide): number[] {
	const ids: number[] = [];
	kernel.walks.show((rows) => {
		for (let at = 0; at < rows.byteLength; at += event.size)
			ids.push(Number(rows.getBigUint64(at + event.offsets.id, true)));
	});
	return ids;
}

/** As in `serve`, but with few rows, so that walks are in several parts. */
function openKernelSide(shownRows: number): KernelSide {
	return KernelSide.load({
		...DEFAULTS,
		...{ transports: ["tcp"], ways: { accept: "tracepoint", udp: "tracepoint" } },
		...{ keyParts: 0, eventTypes: eventTypesOf(["close"], true), bufferBytes: 64 * 1024 * 1024 },
		...{ maxConnections: 200_000, maxFlows: 1, udpTimeoutMs: 1, udpStreamTimeoutMs: 1 },
		shownRows,
	});
}

describe("while connections come and go", () => {
	const [HELD, WALKS] = [manyOf(2000), 200];
	for (const [rows, connections] of [
		[16_384, manyOf(100_000)],
		[256, manyOf(20_000)],
	] as const)
		kernelTest(
			`${WALKS} walks miss none that was open all the time, and see none twice: ${connections} with ${rows} rows`,
			async () => {
				using kernel = openKernelSide(rows);
				kernel.attach();
				const before = new Set(shown(kernel));
				await using held = new Traffic(["hold", "--count", `${HELD}`, "--ports", "4", ...NAMES]);
				await held.held();
				const stay = shown(kernel).filter((id) => !before.has(id));
				expect(stay.length).toBe(2 * HELD);
				await using churn = new Traffic(["churn", "--count", `${connections}`, "--threads", "2"]);
				let isOver = false;
				const ended = churn.finish().finally(() => {
					isOver = true;
				});
				let others = 0;
				for (let walk = 0; walk < WALKS || !isOver; walk++) {
					const ids = shown(kernel);
					const seen = new Set(ids);
					expect(ids.length).toBe(seen.size);
					expect(stay.filter((id) => !seen.has(id))).toEqual([]);
					others = Math.max(others, ids.length - stay.length);
					await Bun.sleep(0); // the end of the churn is told by the event loop
				}
				await ended;
				await held.finish();
				expect(others).toBeGreaterThan(0);
			},
		);
});
