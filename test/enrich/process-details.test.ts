import { describe, expect, test } from "bun:test";
import {
	bootOffsetTicks,
	commandLineText,
	parseStart,
	processDetails,
	processStart,
} from "../../src/enrich/proc-pid.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a command line", () => {
	for (const [what, raw, expected] of [
		["has spaces between its arguments", "nginx\0-g\0daemon off;\0", "nginx -g daemon off;"],
		["keeps an empty argument in its middle", "a\0\0b\0", "a  b"],
		["may be changed by its program, without a zero", "sshd: root [priv]", "sshd: root [priv]"],
		["may be padded with zeros", "postgres: idle\0\0\0\0", "postgres: idle"],
		["of a kernel thread is not there", "", null],
		["of zeros is not there", "\0\0", null],
	] as const)
		test(what, () => expect(commandLineText(bytes(raw))).toBe(expected));
});

describe("what /proc says", () => {
	test("of a program that runs", async () => {
		const command = ["sh", "-c", "echo; read -r _", "x".repeat(10_000)];
		const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe" });
		await child.stdout.getReader().read(); // it is no longer what it was forked from
		const { executable, commandLine } = processDetails(child.pid);
		child.kill("SIGKILL");
		await child.exited;
		expect(executable).toMatch(/^\/.*sh$/);
		expect(commandLine?.startsWith("sh -c echo; read -r _ xxx")).toBe(true);
		// The first 4 KiB.
		expect(commandLine?.length).toBe(4096);
	});

	test("of one that is gone", async () => {
		const child = Bun.spawn(["true"]);
		await child.exited;
		expect(processDetails(child.pid)).toEqual({ executable: null, commandLine: null });
	});
});

describe("the offset of a time namespace", () => {
	for (const [what, text, expected] of [
		[
			"is none in the first one",
			"monotonic           0         0\nboottime            0         0\n",
			0,
		],
		["is in seconds and nanoseconds", "monotonic 1 0\nboottime  86400  20000000\n", 8_640_002],
		["can be negative", "monotonic 1 0\nboottime  -10  0\n", -1000],
		["is none where the kernel has no such namespaces", null, 0],
	] as const)
		test(what, () => expect(bootOffsetTicks(text)).toBe(expected));
});

describe("the start of a process", () => {
	for (const [what, stat, expected] of [
		["is the 22nd field", `1 (init) S${" 0".repeat(18)} 77 0`, 77],
		["is found behind a hostile name", `1 (a) b (c) S${" 0".repeat(18)} 88 0`, 88],
		["is not in half a line", "1 (init) S 0", null],
	] as const)
		test(what, () => expect(parseStart(stat)).toBe(expected));

	test("does not change, and is not known of one that is gone", async () => {
		const child = Bun.spawn(["cat"], { stdin: "pipe" });
		const start = processStart(child.pid);
		expect(start).toBeGreaterThan(0);
		expect(processStart(child.pid)).toBe(start);
		child.kill("SIGKILL");
		await child.exited;
		expect(processStart(child.pid)).toBeNull();
	});
});
