/** What the kernel tests need of the machine. */

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { TIME_FACTOR } from "./time-factor.ts";

function reasonToSkip(): string | null {
	if (process.getuid?.() !== 0) return "not root";
	if (!existsSync("/sys/kernel/btf/vmlinux")) return "this kernel has no BTF";
	return null;
}

/**
 * The first Linux with the hooks for something, where a family is forced that once had none. From
 * there on nothing is skipped.
 */
const FIRST_WITH_UDP: Readonly<Record<string, string>> = { tracepoint: "6.3" };

function reasonToSkipUdp(): string | null {
	const family = process.env["CONNTRACER_HOOKS"] ?? "auto";
	const first = FIRST_WITH_UDP[family];
	if (first === undefined || Bun.semver.order(numbersOf(release()), `${first}.0`) >= 0) return null;
	return `UDP with --hooks ${family} needs Linux ${first}`;
}

/** Of a name such as 6.1.0-56-amd64. */
function numbersOf(name: string): string {
	return /^\d+\.\d+/.exec(name)?.[0].concat(".0") ?? name;
}

const reason = reasonToSkip();
const udpReason = reason ?? reasonToSkipUdp();
for (const each of new Set([reason, udpReason]))
	if (each !== null) process.stderr.write(`kernel tests are skipped: ${each}\n`);

/** Whether UDP can be traced by what is tested. */
export const TRACES_UDP = udpReason === null;

/** Longer than any wait inside a test, so that the wait fails first and says for what. */
const TEST_TIMEOUT_MS = 90_000;

/** A test that needs root and a kernel with BTF; skipped, with the reason printed, without. */
export function kernelTest(
	name: string,
	body: () => Promise<void>,
	timeoutMs = TEST_TIMEOUT_MS,
): void {
	test.skipIf(reason !== null)(name, body, timeoutMs * TIME_FACTOR);
}

/** One that also needs UDP to be traced. */
export function udpTest(name: string, body: () => Promise<void>): void {
	test.skipIf(udpReason !== null)(name, body, TEST_TIMEOUT_MS * TIME_FACTOR);
}
