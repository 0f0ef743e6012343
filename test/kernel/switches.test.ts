/** What decides whether tests that fail have a second chance. */

import { expect } from "bun:test";
import { guestTest, kernelTest } from "../support/root.ts";
import { hidesProcess1, SwitchCounter } from "../support/switches.ts";
import { until } from "../support/until.ts";

kernelTest("switches to an ordinary process and away from it are seen", async () => {
	await using child = Bun.spawn(["cat"], { stdin: "pipe", stdout: "pipe" });
	using counter = new SwitchCounter(child.pid);
	const before = counter.read();
	const sent = 5;
	const reader = child.stdout.getReader();
	for (let round = 0; round < sent; round++) {
		child.stdin.write("x");
		child.stdin.flush();
		await reader.read();
		// It waits for more: the CPU has switched away.
		await until("cat to sleep", () => counter.read().from - before.from > round, {
			soFar: () => counter.read(),
		});
	}
	const { to, from } = counter.read();
	expect(to - before.to).toBeGreaterThanOrEqual(sent);
	expect(Math.abs(to - before.to - (from - before.from))).toBeLessThanOrEqual(1);
	child.stdin.end();
});

guestTest("process 1 of Debian's kernels is seen", "its kernel may hide process 1", async () => {
	expect(await hidesProcess1()).toBe(false);
});

kernelTest("whether process 1 is hidden is found out, and the same each time", async () => {
	const first = await hidesProcess1();
	expect(typeof first).toBe("boolean");
	expect(await hidesProcess1()).toBe(first);
});
