/**
 * What a run costs, as far as that does not depend on the machine: counts, not times. A change that
 * makes one of them larger has to say why here.
 */

import { describe, expect } from "bun:test";
import { BpfStatistics, bpfIdsOf, programSizes, runsOf } from "../support/bpf.ts";
import { Conntracer, summaryOf } from "../support/conntracer.ts";
import { seesAccept } from "../support/hooks.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { names: NAMES } = ownPrograms("cost");
const COUNT = 5000;
/** Ten changes of state and two ends of sockets. */
const HOOKS_OF_A_CONNECTION = 10 + 2;
/** The first and the last; and those that a kernel needs which preempts tasks in tracepoints. */
const GATES = 2;
const GATES_OF_PREEMPTED = 6;
/** Of all others on the machine meanwhile. */
const OTHERS = 1200;

kernelTest(
	`a connection is ${GATES * HOOKS_OF_A_CONNECTION} runs of BPF programs, both ends, whole life`,
	async () => {
		using _ = new BpfStatistics();
		await using conntracer = await Conntracer.start("--transport", "tcp");
		const ids = bpfIdsOf(conntracer.pid);
		const before = runsOf(ids, "tp__");
		await runTraffic(["churn", "--count", String(COUNT), ...NAMES]);
		await conntracer.untilClosed(COUNT, () => true);
		const runs = runsOf(ids, "tp__") - before;
		const isPreempted = runsOf(ids, "tp__inet_sock_set_state_2") > 0;
		await conntracer.stop();
		const perGate = runs / (isPreempted ? GATES_OF_PREEMPTED : GATES);
		expect(perGate).toBeGreaterThanOrEqual(COUNT * HOOKS_OF_A_CONNECTION);
		expect(perGate).toBeLessThan(COUNT * HOOKS_OF_A_CONNECTION + OTHERS);
	},
);

kernelTest("the peak of its memory is its own, not that of who started it", async () => {
	const large = new Uint8Array(600_000_000).fill(1);
	await using conntracer = await Conntracer.start("--transport", "tcp");
	const { records } = await conntracer.stop();
	expect(large.length).toBeGreaterThan(summaryOf(records).self.peak_memory_bytes);
});

/** Bytes of instructions, 8 each, after the verifier; kernels put more or less of their own in. */
const LARGEST: Readonly<Record<string, Readonly<Record<string, number>>>> = {
	watch: {
		handle__inet_sock_set_state: 26_000,
		tp__inet_sock_set_state: 800,
		tp__inet_sock_set_state_last: 800,
		handle__tcp_destroy_sock: seesAccept() ? 5600 : 4400,
		tp__tcp_destroy_sock: 800,
		tp__tcp_destroy_sock_last: 800,
		walk__fold_conns: 5500,
		walk__fold_awake: 5400,
		iter__adopt_listeners: 3000,
		iter__adopt_files: 10_800,
		iter__adopt_fileless: 8400,
	},
	events: {
		handle__inet_sock_set_state: 41_000, // it tells ends at once, and whose a listener is by now
		handle__tcp_destroy_sock: seesAccept() ? 10_500 : 9600,
		walk__fold_conns: 3500, // it tells the close of what nobody saw destroyed; and a call for each entry
	},
};

describe("programs are no larger than they were", () => {
	for (const [command, largest] of Object.entries(LARGEST))
		kernelTest(command, async () => {
			await using conntracer = await Conntracer.run(command, "--transport", "tcp");
			const sizes = programSizes(bpfIdsOf(conntracer.pid));
			await conntracer.stop();
			for (const [name, most] of Object.entries(largest)) {
				const size = sizes.get(name) ?? Number.NaN;
				expect({ name, size, fits: size <= most }).toEqual({ name, size, fits: true });
			}
		});
});
