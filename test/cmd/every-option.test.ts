/** Each option of each command can be given in the file, in the environment and as a flag. */

import { describe, expect, test } from "bun:test";
import { optionsOf, parseCommandLine } from "../../src/cmd/command-line.ts";
import { parseConfig } from "../../src/cmd/config-file.ts";
import { environmentName, longName, type Option } from "../../src/cmd/option.ts";
import { COMMANDS } from "../../src/cmd/run.ts";
import { environmentLayer, type Layer, resolve } from "../../src/cmd/settings.ts";

const ALL = optionsOf(COMMANDS);

/** Texts that some option takes: of each option the first three with different meanings are its own. */
const CANDIDATES = [
	...["1", "2", "4096", "65536", "131072", "1s", "2s", "0=1s", "0=2s", "0=1s,1m=2s"],
	...["tcp", "udp", "icmp", "0123456789ab", "0123456789ac", "0123456789ad"],
	...["10.0.0.1", "10.0.0.2 80", "10.0.0.0/8 udp 53", "/dev/null", "/dev/zero", "/dev/tty"],
];

function textsOf(name: string, option: Option<unknown>): [string, string, string] {
	if (option.isFlag) return ["true", "false", "true"];
	const meanings = new Map<string, string>();
	for (const text of option.choices.length > 0 ? option.choices : CANDIDATES) {
		try {
			const meaning = JSON.stringify(option.parse([text]));
			if (!meanings.has(meaning)) meanings.set(meaning, text);
		} catch {
			// It is not one for this option.
		}
	}
	const [a, b, c = a] = [...meanings.values()];
	if (a !== undefined && b !== undefined && c !== undefined) return [a, b, c];
	throw new Error(`nothing here is a value of --${longName(name)}: add two to CANDIDATES`);
}

for (const command of COMMANDS.filter(({ options }) => Object.keys(options).length > 0))
	describe(command.name, () => {
		test.each(Object.entries(command.options))("%s: flag, environment, file", (name, option) => {
			const [inFile, inEnvironment, asFlag] = textsOf(name, option);
			const key = longName(name);
			const words = [command.name, `--${key}`, ...(option.isFlag ? [] : [asFlag])];
			const line = parseCommandLine(words, COMMANDS);
			expect({ mistake: line.mistake, name: line.command.name }).toEqual({
				mistake: null,
				name: command.name,
			});
			const environment = environmentLayer(ALL, { [environmentName(name)]: inEnvironment });
			const file =
				name === "config"
					? new Map()
					: parseConfig(`${key} = ${JSON.stringify(inFile)}`, "FILE", ALL);
			const takenFrom = (...layers: Layer[]) => resolve(command.options, layers)[name];
			if (name !== "config") expect(takenFrom(new Map(), file)).toEqual(option.parse([inFile]));
			expect(takenFrom(new Map(), environment, file)).toEqual(option.parse([inEnvironment]));
			expect(takenFrom(line.layer, environment, file)).toEqual(option.parse([asFlag]));
			expect(takenFrom(new Map(), new Map(), new Map())).toEqual(option.initial);
		});
	});

test("a name of the file with a mistake in it is an error with the right name, for each option", () => {
	for (const key of Object.keys(ALL)
		.map(longName)
		.filter((name) => name !== "config" && name.length > 3)) {
		const mistyped = `${key.slice(0, 2)}q${key.slice(2)}`;
		expect(() => parseConfig(`${mistyped} = 1`, "FILE", ALL)).toThrow(
			`FILE: "${mistyped}" is not an option`,
		);
		try {
			parseConfig(`${mistyped} = 1`, "FILE", ALL);
		} catch (error) {
			expect(error).toMatchObject({ hint: `did you mean ${key}?` });
		}
	}
});
