/** What the kernel tests need of the machine. */

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { IN_GUEST } from "./guest.ts";
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
/** Functions of a module take types of modules. */
const FIRST_WITH_ACCOUNTING: Readonly<Record<string, string>> = { fentry: "5.11" };

/** By a name such as 6.1.0-56-amd64. */
export function isOlderThan(version: string): boolean {
	const numbers = /^\d+\.\d+/.exec(release())?.[0].concat(".0") ?? release();
	return Bun.semver.order(numbers, `${version}.0`) < 0;
}

function reasonToSkipFamily(what: string, since: Readonly<Record<string, string>>): string | null {
	const family = process.env["CONNTRACER_HOOKS"] ?? "auto";
	const first = since[family];
	if (first === undefined || !isOlderThan(first)) return null;
	return `${what} with --hooks ${family} needs Linux ${first}`;
}

/** test/vm/results.ts reads it, and has a run fail whose kernel is not older. */
function say(reason: string): void {
	process.stderr.write(`kernel tests are skipped: ${reason}\n`);
}

const reason = reasonToSkip();
const udpReason = reason ?? reasonToSkipFamily("UDP", FIRST_WITH_UDP);
/** Why flows of conntrack cannot be followed by what is tested; null: they can. */
export const accountingReason = reason ?? reasonToSkipFamily("accounting", FIRST_WITH_ACCOUNTING);
for (const each of new Set([reason, udpReason, accountingReason])) if (each !== null) say(each);

/** Whether UDP can be traced by what is tested. */
export const TRACES_UDP = udpReason === null;

/**
 * Whether tests of something that this machine does not have are to be skipped. The kernels of the
 * virtual machines all have it, from a version on: there the tests run, and fail.
 */
export function lacks(what: string, isThere: boolean, since: string): boolean {
	const isLacking = !isThere && (!IN_GUEST || isOlderThan(since));
	if (isLacking) say(`${what} needs Linux ${since}`);
	return isLacking;
}

/** Longer than any wait inside a test, so that the wait fails first and says for what. */
const TEST_TIMEOUT_MS = 90_000;

/**
 * Some hardened kernels pass over every tracing program while process 1 is current, and count it
 * nowhere: where an interrupt hits that process, what it brings is not seen. A test that has failed
 * on a machine that may be such a one is run once more, and that is said. In virtual machines every
 * test has to pass at once.
 */
function withSecondChance(name: string, body: () => Promise<void>): () => Promise<void> {
	if (IN_GUEST) return body;
	return async () => {
		try {
			await body();
		} catch (error) {
			const [line = ""] = String(error).split("\n");
			process.stderr.write(`run again: ${name}: ${line}\n`);
			await body();
		}
	};
}

/** A test that needs root and a kernel with BTF; skipped, with the reason printed, without. */
export function kernelTest(
	name: string,
	body: () => Promise<void>,
	timeoutMs = TEST_TIMEOUT_MS,
): void {
	test.skipIf(reason !== null)(name, withSecondChance(name, body), 2 * timeoutMs * TIME_FACTOR);
}

/** One in which another kernel has no part, and that a virtual machine takes long for: not there. */
export function hostTest(name: string, body: () => Promise<void>): void {
	if (!IN_GUEST) kernelTest(name, body);
}

/** One that only the kernels of the virtual machines can pass for sure; not where `lacking` says why. */
export function guestTest(
	name: string,
	why: string,
	body: () => Promise<void>,
	lacking: string | null = null,
): void {
	if (!IN_GUEST) say(`${why}: ${name}`);
	test.skipIf(!IN_GUEST || lacking !== null)(name, body, TEST_TIMEOUT_MS * TIME_FACTOR);
}

const unless =
	(reason: string | null) =>
	(name: string, body: () => Promise<void>): void => {
		const timeoutMs = 2 * TEST_TIMEOUT_MS * TIME_FACTOR;
		test.skipIf(reason !== null)(name, withSecondChance(name, body), timeoutMs);
	};

/** One that also needs UDP to be traced. */
export const udpTest = unless(udpReason);

/** One that also needs flows of conntrack to be followed. */
export const accountingTest = unless(accountingReason);
