/** The one file that knows yargs: from words to a command and its options, and --help. */

import yargs, { type Argv } from "yargs";
import { Parser } from "yargs/helpers";
import { UsageError } from "../errors.ts";
import type { Command } from "./command.ts";
import { nearest } from "./nearest.ts";
import { longName, type Options } from "./option.ts";
import type { Given, Layer } from "./settings.ts";

export interface CommandLine {
	readonly command: Command;
	/** The user wrote its name. */
	readonly isNamed: boolean;
	/** What stands behind the name. */
	readonly words: readonly string[];
	readonly layer: Layer;
	/** The first word that makes no sense; null if all do. Reported only once it is known how. */
	readonly mistake: UsageError | null;
	readonly wants: "help" | "version" | "run";
}

const HELP_WIDTH = 80;
const SHORT_HELP = new Map([
	["h", "help"],
	["V", "version"],
]);

const PARSER = {
	"boolean-negation": false,
	"camel-case-expansion": false,
	"dot-notation": false,
	"parse-numbers": false,
	"parse-positional-numbers": false,
	"strip-aliased": true,
} as const;

/** @param commands the first one is the default */
export function parseCommandLine(
	argv: readonly string[],
	commands: readonly Command[],
): CommandLine {
	const options = optionsOf(commands);
	const names = Object.keys(options).map(longName);
	// Not yargs(…).parse(): its validation throws a TypeError for --constructor.
	const { _, help, version, ...rest } = Parser(normalize(argv, options), {
		string: [...names, "_"],
		boolean: ["help", "version"],
		configuration: PARSER,
	});
	const [first, ...words] = _.map(String);
	const named = commands.find(({ name }) => name === first);
	const command = named ?? firstOf(commands);
	const { layer, mistakes } = flagLayer(rest, command);
	if (named === undefined && first !== undefined) mistakes.unshift(unknownCommand(first, commands));
	else if (words.length > 0 && command.positional === null) mistakes.unshift(unexpected(words));
	const wants = help === true ? "help" : version === true ? "version" : "run";
	return {
		command,
		isNamed: named !== undefined,
		words,
		layer,
		mistake: mistakes[0] ?? null,
		wants,
	};
}

function flagLayer(
	parsed: Readonly<Record<string, unknown>>,
	command: Command,
): { layer: Layer; mistakes: UsageError[] } {
	const byLongName = new Map(Object.keys(command.options).map((name) => [longName(name), name]));
	const layer = new Map<string, Given>();
	const mistakes: UsageError[] = [];
	for (const [key, value] of Object.entries(parsed)) {
		const name = byLongName.get(key);
		const where = key.length === 1 ? `-${key}` : `--${key}`;
		const texts = [value].flat().map(String);
		if (name === undefined) mistakes.push(unknownOption(where, command));
		else if (texts.includes("")) mistakes.push(missingValue(where, command));
		else layer.set(name, { texts, where });
	}
	return { layer, mistakes };
}

/**
 * What yargs reads the way getopt does not: a value right behind a short option (-i2s), also in a
 * group (-vi2s), and flags, which become --flag=true so that a word behind one is not its value.
 */
function normalize(argv: readonly string[], options: Options): string[] {
	const isFlag = new Map([...SHORT_HELP.values()].map((name) => [name, true]));
	const byShort = new Map(SHORT_HELP);
	for (const [name, option] of Object.entries(options)) {
		isFlag.set(longName(name), option.isFlag);
		if (option.short !== undefined) byShort.set(option.short, longName(name));
	}
	const split = (letters: string): string[] => {
		const name = byShort.get(letters.charAt(0));
		const rest = letters.slice(1);
		if (name === undefined) return [`-${letters}`];
		if (!isFlag.get(name))
			return [rest === "" ? `--${name}` : `--${name}=${rest.replace(/^=/, "")}`];
		return [`--${name}=true`, ...(rest === "" ? [] : split(rest))];
	};
	const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
	const words = argv.slice(0, end).flatMap((word) => {
		if (/^-[^-]/.test(word)) return split(word.slice(1));
		return isFlag.get(word.replace(/^--/, "")) && word.startsWith("--") ? [`${word}=true`] : [word];
	});
	return [...words, ...argv.slice(end)];
}

/** The text of --help, at most 80 columns wide. */
export async function helpText(line: CommandLine, commands: readonly Command[]): Promise<string> {
	const program = yargs(line.isNamed ? [line.command.name] : [])
		.scriptName("conntracer")
		.detectLocale(false)
		.exitProcess(false)
		.parserConfiguration(PARSER)
		.wrap(HELP_WIDTH)
		.help(false)
		.version(false)
		.usage("conntracer [command] [options]\n\nShows which process talks to whom, exactly.");
	for (const [index, command] of commands.entries()) {
		const words = command.positional === null ? "" : ` [${command.positional.name}]`;
		const name = `${command.name}${words}`;
		program.command(index === 0 ? [name, "$0"] : name, command.describe, (argv) =>
			describeCommand(argv, command),
		);
	}
	// yargs takes a digit for a long name.
	return (await program.getHelp()).replace(/^ {6}(--\S+), --(\d)/gm, "  -$2, $1     ");
}

function describeCommand(program: Argv, command: Command): Argv {
	const { positional } = command;
	if (positional !== null) program.positional(positional.name, { ...positional });
	for (const [name, option] of Object.entries(command.options)) {
		program.option(longName(name), {
			group: `${option.group}:`,
			describe: option.describe,
			...(option.short === undefined ? {} : { alias: option.short }),
			...(option.defaultText === undefined ? {} : { defaultDescription: option.defaultText }),
		});
	}
	program.option("help", { alias: "h", describe: "show this", group: "Other:" });
	program.option("version", { alias: "V", describe: "show the version", group: "Other:" });
	for (const { line, describe } of command.examples) program.example(line, describe);
	return program;
}

/** Of all commands together: one name means the same everywhere. */
export function optionsOf(commands: readonly Command[]): Options {
	return Object.assign({}, ...commands.map(({ options }) => options));
}

function firstOf(commands: readonly Command[]): Command {
	const [first] = commands;
	if (first === undefined) throw new Error("no commands");
	return first;
}

function unknownCommand(word: string, commands: readonly Command[]): UsageError {
	const names = commands.map(({ name }) => name);
	const guess = nearest(word, names);
	return new UsageError(
		`${JSON.stringify(word)} is not a command`,
		guess === null ? `the commands are ${names.join(", ")}` : `did you mean ${guess}?`,
	);
}

function unknownOption(where: string, { name, options, missing }: Command): UsageError {
	const reason = missing?.[where.replace(/^--/, "")];
	const candidates = Object.keys(options).map((option) => `--${longName(option)}`);
	const guess = where.startsWith("--") ? nearest(where, candidates) : null;
	return new UsageError(
		`${where} is not an option of conntracer ${name}`,
		reason ?? (guess === null ? `see conntracer ${name} --help` : `did you mean ${guess}?`),
	);
}

function missingValue(where: string, { name }: Command): UsageError {
	return new UsageError(`${where} needs a value`, `see conntracer ${name} --help`);
}

function unexpected(words: readonly string[]): UsageError {
	return new UsageError(
		`${JSON.stringify(words[0])} is one word too many`,
		"values stand behind an option, as in --pid 123",
	);
}
