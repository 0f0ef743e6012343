/** What the kernel tests need of the machine. */

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { IN_GUEST } from "./guest.ts";
import { withSecondChance } from "./second-chance.ts";
import { TIME_FACTOR } from "./time-factor.ts";

/** `./dev test --unit` runs those tests alone that need none of this. */
const IS_UNIT_RUN = process.env["TEST_UNIT"] === "1";

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
	if (IS_UNIT_RUN) return;
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

/** Skipped if it lacks something; not there at all among unit tests. In guests all have to pass at once. */
function declare(
	name: string,
	body: () => Promise<void>,
	lacking: string | null,
	timeoutMs = TEST_TIMEOUT_MS,
): void {
	if (IS_UNIT_RUN) return;
	const run = IN_GUEST ? body : withSecondChance(name, body);
	test.skipIf(lacking !== null)(name, run, 2 * timeoutMs * TIME_FACTOR);
}

/**
 * A test that needs root, BPF, or what `./dev` installs for tests; skipped, with the reason printed,
 * where nobody is root or the kernel has no BTF.
 */
export function kernelTest(
	name: string,
	body: () => Promise<void>,
	timeoutMs = TEST_TIMEOUT_MS,
): void {
	declare(name, body, reason, timeoutMs);
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
	declare(name, body, IN_GUEST ? lacking : why);
}

const unless =
	(lacking: string | null) =>
	(name: string, body: () => Promise<void>): void =>
		declare(name, body, lacking);

/** One that also needs UDP to be traced. */
export const udpTest = unless(udpReason);

/** One that also needs flows of conntrack to be followed. */
export const accountingTest = unless(accountingReason);
