/** The command line as a whole: words in, an exit code out, as often as one likes. */

import { accounting } from "./accounting.ts";
import type { Command, Context } from "./command.ts";
import { type CommandLine, helpText, optionsOf, parseCommandLine } from "./command-line.ts";
import { completionOf } from "./completion.ts";
import { configLayer } from "./config-file.ts";
import { dns } from "./dns.ts";
import { doctor } from "./doctor.ts";
import { events } from "./events.ts";
import { list } from "./list.ts";
import { FLAG_TEXTS, type Options, type Values } from "./option.ts";
import { EXIT_DONE, reportError } from "./report-error.ts";
import { serve } from "./serve.ts";
import { environmentLayer, type Layer, peek, resolve } from "./settings.ts";
import { top } from "./top.ts";
import { watch } from "./watch.ts";

/** The first one is the default. */
const SHOWING: readonly Command[] = [watch, events, list, top, accounting, dns, serve, doctor];
export const COMMANDS: readonly Command[] = [...SHOWING, completionOf(SHOWING)];

/** Never throws: what goes wrong is on context.stderr. */
export async function runCli(argv: readonly string[], context: Context): Promise<number> {
	const layers: Layer[] = [];
	try {
		const line = parseCommandLine(argv, COMMANDS);
		layers.push(line.layer, environmentLayer(optionsOf(COMMANDS), context.env));
		return await run(line, layers, context);
	} catch (error) {
		const style = { json: wantsJson(layers), verbose: isOn(layers, "verbose") };
		return reportError(error, style, context.stderr);
	}
}

/** @param layers gets the file's, so that the caller can tell how to report an error */
async function run(line: CommandLine, layers: Layer[], context: Context): Promise<number> {
	if (line.wants === "help") return print(await helpText(line, COMMANDS), context);
	if (line.wants === "version") return print(context.version, context);
	if (line.mistake !== null) throw line.mistake;
	const above = [...layers];
	const read = (): Values<Options> => {
		const file = configLayer(peek(above, "config"), optionsOf(COMMANDS));
		layers.splice(above.length, 1, file);
		return resolve(line.command.options, layers);
	};
	return line.command.handler(read(), context, line.words, read);
}

function print(text: string, context: Context): number {
	context.stdout.write(`${text.trimEnd()}\n`);
	return EXIT_DONE;
}

/** Lenient, because it must be known even where an option is wrong. */
function wantsJson(layers: readonly Layer[]): boolean {
	const found = layers.find((one) => one.has("output") || isOn([one], "json"));
	const layer: Layer = found ?? new Map();
	return layer.get("output")?.texts.at(-1) === "json" || isOn([layer], "json");
}

function isOn(layers: readonly Layer[], name: string): boolean {
	const text = peek(layers, name)?.texts.at(-1) ?? "";
	return FLAG_TEXTS.get(text.toLowerCase()) ?? false;
}
