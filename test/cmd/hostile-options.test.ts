/** Whatever is written as options: a value, or an error that says why and what to do. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { optionsOf, parseCommandLine } from "../../src/cmd/command-line.ts";
import { parseConfig } from "../../src/cmd/config-file.ts";
import { filterOf } from "../../src/cmd/from-options.ts";
import { environmentName, longName, type Values } from "../../src/cmd/option.ts";
import type { filterOptions } from "../../src/cmd/option-groups.ts";
import { COMMANDS } from "../../src/cmd/run.ts";
import { environmentLayer, type Layer, resolve } from "../../src/cmd/settings.ts";
import { UnsupportedError, UsageError } from "../../src/errors.ts";
import { FILTER_SUBJECT, run } from "./harness.ts";

const ALL = optionsOf(COMMANDS);
const NAMES = Object.keys(ALL);
const WATCH = COMMANDS[0];

/** Parts of values that mean something to some option, and what is hostile. */
const PART = fc.constantFrom(
	...[
		"1",
		"0",
		"-1",
		"65536",
		"99999999999999999999",
		"1e9",
		"2s",
		"1m",
		"64k",
		"0=1s",
		"true",
		"no",
	],
	...[
		"10.0.0.1",
		"10.0.0.0/8",
		"::1",
		"::/0",
		"*",
		"tcp",
		"udp",
		"80",
		"1-2",
		"2-1",
		"!",
		",",
		" ",
		"-",
	],
	...["root", "/", "/proc/self/ns/net", "/proc", "json", "all", "connect", "0123456789abcdef"],
	...["__proto__", "constructor", "\x1b[2J", "\u202e", "\ud800", "é", "", "=", "a".repeat(300)],
);
const TEXT = fc.oneof(
	PART,
	fc.array(PART, { maxLength: 5 }).map((parts) => parts.join("")),
	fc.string({ unit: "binary", maxLength: 30 }),
);
const NAME = fc.oneof(
	{ weight: 5, arbitrary: fc.constantFrom(...NAMES.map(longName)) },
	{ weight: 1, arbitrary: TEXT },
);

/** What came of the options, where it is no error that one can do something about. */
function attempt<T>(make: () => T): T | null {
	try {
		return make();
	} catch (error) {
		if (!(error instanceof UsageError || error instanceof UnsupportedError)) throw error;
		expect(error.message).not.toBe("");
		expect(error.hint ?? "").not.toBe("");
		return null;
	}
}

/** For each command; and the filter that comes of it. */
function resolveAll(layers: readonly Layer[]): number {
	let resolved = 0;
	for (const { options, name } of COMMANDS) {
		const values = attempt(() => resolve(options, layers));
		if (values === null) continue;
		resolved++;
		if (name !== WATCH?.name) continue;
		attempt(() => filterOf(values as Values<typeof filterOptions>)?.matches(FILTER_SUBJECT));
	}
	return resolved;
}

const tomlKey = (text: string): string => JSON.stringify(text.toWellFormed());
const tomlValue: fc.Arbitrary<string> = fc.letrec<{ any: string; list: string; table: string }>(
	(tie) => ({
		any: fc.oneof(
			{ depthSize: "small" },
			TEXT.map(tomlKey),
			fc.oneof(fc.integer(), fc.double()).map(String),
			fc.constantFrom("true", "false", "inf", "1979-05-27", "'''\n'''", "0x10", "[]", "{}", ""),
			tie("list"),
			tie("table"),
		),
		list: fc.array(tie("any"), { maxLength: 3 }).map((all) => `[${all.join(", ")}]`),
		table: fc
			.array(fc.tuple(NAME, tie("any")), { maxLength: 3 })
			.map((all) => `{${all.map(([key, value]) => `${tomlKey(key)} = ${value}`).join(", ")}}`),
	}),
).any;
const tomlLine = fc.oneof(
	{
		weight: 8,
		arbitrary: fc.tuple(NAME, tomlValue).map(([key, value]) => `${tomlKey(key)} = ${value}`),
	},
	{
		weight: 1,
		arbitrary: fc.constantFrom("exclude-local", "exclude-remote").map((name) => `[${name}]`),
	},
	{ weight: 1, arbitrary: NAME.map((name) => `[${tomlKey(name)}]`) },
	{ weight: 1, arbitrary: fc.tuple(TEXT, tomlValue).map(([key, value]) => `${key} = ${value}`) },
);

describe("a file", () => {
	test("of options and values of any kind is taken or refused, with a reason", () => {
		let [taken, resolved] = [0, 0];
		fc.assert(
			fc.property(fc.array(tomlLine, { minLength: 1, maxLength: 4 }), (lines) => {
				const layer = attempt(() => parseConfig(lines.join("\n"), "FILE", ALL));
				if (layer === null) return;
				taken++;
				resolved += resolveAll([new Map(), new Map(), layer]);
			}),
			{ numRuns: 2000 },
		);
		expect(taken).toBeGreaterThan(100);
		expect(resolved).toBeGreaterThan(100);
	});

	test("of any bytes is taken or refused, with a reason", () => {
		const bytes = fc.oneof(
			fc.uint8Array({ maxLength: 200 }),
			fc
				.tuple(
					fc.array(tomlLine, { maxLength: 3 }),
					fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
				)
				.map(([lines, changes]) => {
					const whole = new TextEncoder().encode(lines.join("\n"));
					for (const [at, value] of changes) if (whole.length > 0) whole[at % whole.length] = value;
					return whole;
				}),
		);
		fc.assert(
			fc.property(bytes, (file) => {
				attempt(() => parseConfig(new TextDecoder().decode(file), "FILE", ALL));
			}),
			{ numRuns: 2000 },
		);
	});

	for (const [what, text] of [
		["lists in lists", `pid = ${"[".repeat(400_000)}`],
		["tables in tables", `pid = ${"{a = ".repeat(200_000)}`],
		["a key of many parts", `${"a.".repeat(200_000)}a = 1`],
		["a long name", `${"a".repeat(1_000_000)} = 1`],
		["a long value", `interval = "${"1".repeat(1_000_000)}"`],
		["many ports, one of them wrong", `port = "${"1-65535,".repeat(120_000)}"`],
		["many rules of any address", `exclude-local = "${"* 1-65535,".repeat(100_000)}* 1"`],
		["many rules, one of them wrong", `exclude-local = ["${"10.0.0.1 80,".repeat(80_000)}"]`],
	] as const)
		test(`that is large is no way to stop it: ${what}`, () => {
			attempt(() => resolveAll([parseConfig(text, "FILE", ALL)]));
		});

	test("without an end is not read to its end", async () => {
		const { code, stderr } = await run(["--config", "/dev/zero"]);
		expect({ code, stderr }).toEqual({
			code: 2,
			stderr: "conntracer: /dev/zero: more than 1 MiB (options take far less)\n",
		});
	});
});

const WORD = fc.oneof(
	fc.constantFrom(...COMMANDS.map(({ name }) => name)),
	NAME.map((name) => `--${name}`),
	fc.tuple(NAME, TEXT).map(([name, text]) => `--${name}=${text}`),
	fc.string({ minLength: 1, maxLength: 4 }).map((letters) => `-${letters}`),
	fc.constantFrom("--", "-", "", "-46", "-vi2s", "-n1", "--no-wide", "--pid.x", "--help", "-V"),
	TEXT,
);
const ENVIRONMENT = fc.dictionary(fc.constantFrom(...NAMES.map(environmentName)), TEXT, {
	maxKeys: 3,
});

test("any words and any environment are options, or refused with a reason", () => {
	let resolved = 0;
	fc.assert(
		fc.property(fc.array(WORD, { maxLength: 6 }), ENVIRONMENT, (words, env) => {
			const line = parseCommandLine(words, COMMANDS);
			if (line.mistake !== null) {
				attempt(() => {
					throw line.mistake;
				});
				return;
			}
			const layers = [line.layer, environmentLayer(ALL, env)];
			const values = attempt(() => resolve(line.command.options, layers));
			if (values !== null) resolved++;
		}),
		{ numRuns: 1000 },
	);
	expect(resolved).toBeGreaterThan(10);
});

test("what is refused is one line, with exit code 2", async () => {
	const words = fc
		.tuple(fc.constantFrom(...NAMES), TEXT)
		.filter(
			([name, text]) =>
				text !== "" &&
				!ALL[name]?.isFlag &&
				name !== "config" &&
				attempt(() =>
					resolve({ [name]: ALL[name] as never }, [
						new Map([[name, { texts: [text], where: "x" }]]),
					]),
				) === null,
		);
	await fc.assert(
		fc.asyncProperty(words, async ([name, text]) => {
			const command = COMMANDS.find(({ options }) => name in options)?.name ?? "";
			const { code, stdout, stderr, opened } = await run([command, `--${longName(name)}=${text}`]);
			expect({ stdout, opened: opened.length }).toEqual({ stdout: "", opened: 0 });
			expect([2, 4]).toContain(code);
			expect(stderr).toMatch(/^conntracer: [^\p{Cc}]+ \([^\p{Cc}]+\)\n$/u);
		}),
		{ numRuns: 300 },
	);
});
