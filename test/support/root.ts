/** What the kernel tests need of the machine. */

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { TIME_FACTOR } from "./time-factor.ts";

function reasonToSkip(): string | null {
	if (process.getuid?.() !== 0) return "not root";
	if (!existsSync("/sys/kernel/btf/vmlinux")) return "this kernel has no BTF";
	return null;
}

const reason = reasonToSkip();
if (reason !== null) process.stderr.write(`kernel tests are skipped: ${reason}\n`);

/** Longer than any wait inside a test, so that the wait fails first and says for what. */
const TEST_TIMEOUT_MS = 90_000 * TIME_FACTOR;

/** A test that needs root and a kernel with BTF; skipped, with the reason printed, without. */
export function kernelTest(
	name: string,
	body: () => Promise<void>,
	timeoutMs = TEST_TIMEOUT_MS,
): void {
	test.skipIf(reason !== null)(name, body, timeoutMs);
}
