import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { Scratch } from "../support/service.ts";
import { run } from "./harness.ts";

describe("what is wrong with the options is found before the kernel is asked", () => {
	for (const [words, reason] of [
		["--listen 0.0.0.0:8080", "is not an address of loopback"],
		["--listen example.com:80", "is not an address of loopback"],
		["--listen 127.0.0.1:65536", "out of range"],
		["--listen 127.0.0.1:8080", "it takes a token"],
		["--listen 8080 --token-file /nonexistent", "/nonexistent"],
		["--max-clients 0", "out of range"],
		["--log-format xml", "is unknown"],
		["--transport udp", "UDP besides"],
		["--sokcet x", "--socket"],
	] as const)
		test(words, async () => {
			const { code, stdout, stderr, opened } = await run(["serve", ...words.split(" ")]);
			expect({ code, stdout, opened }).toEqual({ code: 2, stdout: "", opened: [] });
			expect(stderr).toContain(reason);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
		});

	for (const [what, token, mode, reason] of [
		["that others can read", "long enough to be a token", 0o644, "others may read it"],
		["that can be guessed", "short", 0o600, "less than 16 characters"],
	] as const)
		test(`a token ${what}`, async () => {
			using scratch = new Scratch();
			const file = scratch.in("token");
			writeFileSync(file, token, { mode });
			const { code, stderr } = await run(["serve", "--listen", "8080", "--token-file", file]);
			expect(code).toBe(2);
			expect(stderr).toContain(reason);
			expect(stderr).not.toContain(token);
		});

	test("something that is no socket at its path", async () => {
		using scratch = new Scratch();
		writeFileSync(scratch.in("file"), "");
		const { code, stderr } = await run(["serve", "--socket", scratch.in("file")]);
		expect(code).toBe(2);
		expect(stderr).toContain("is no socket");
	});
});
