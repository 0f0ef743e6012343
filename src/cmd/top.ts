/** `conntracer top`: processes or connections by throughput. */

import { flowsOfMoved } from "../flow/process-totals.ts";
import type { Sink } from "../sink/sink.ts";
import { createTopSink, type TopBy, type TopOptions, TopScreen } from "../sink/top-sink.ts";
import { type Context, defineCommand, type Keyboard } from "./command.ts";
import { flowTracerOptions, rowSinkOptions, runFlows } from "./flow-run.ts";
import { filterOf } from "./from-options.ts";
import { hostNames } from "./host-names.ts";
import { intervals, type Limits, onlyMoved } from "./intervals.ts";
import { keysOf } from "./keys.ts";
import { topOptions } from "./top-options.ts";

/** In a terminal's raw mode Ctrl-C is a key. */
const QUIT: readonly string[] = ["q", "Q", "\x03"];

interface Shown {
	readonly aggregate: TopBy;
	readonly sink: Sink;
	readonly rest: NonNullable<Limits["rest"]>;
	/** Takes keys until it is disposed. */
	listen(): Disposable | null;
}

export const top = defineCommand({
	name: "top",
	describe: "processes or connections by throughput",
	options: topOptions,
	positional: null,
	examples: [
		{ line: "conntracer top", describe: "what each process sends and receives" },
		{ line: "conntracer top --by connection --sort rtt", describe: "the slowest first" },
		{ line: "conntracer top -n 1 -i 10s --json", describe: "ten seconds, for jq" },
	],
	// Whatever can be wrong with the options is found before the kernel is asked.
	handler(values, context) {
		const filter = filterOf(values);
		const quit = new AbortController();
		const { output, strict } = values;
		const names = hostNames();
		const options = { ...rowSinkOptions(values, context, names), by: values.by };
		const isScreen = output === "table" && context.stdout.isTerminal;
		const { aggregate, sink, rest, listen } =
			isScreen && context.keyboard !== undefined
				? screen(options, context, context.keyboard, quit)
				: rows(options, context);
		const key = { aggregate, byOwner: true };
		const signal = AbortSignal.any([context.signal, quit.signal]);
		return runFlows(
			flowTracerOptions(values, filter, key, context.version, names.containerOf),
			sink,
			async (tracer) => {
				using _keys = listen();
				for await (const batch of intervals(tracer, { ...values, signal, rest })) sink.flows(batch);
			},
			{ context, strict },
		);
	},
});

function rows(options: TopOptions, context: Context): Shown {
	const { by } = options;
	return {
		aggregate: by,
		sink: createTopSink(options, context.stdout, context.stderr),
		rest: by === "process" ? flowsOfMoved : onlyMoved,
		listen: () => null,
	};
}

/** Asks the kernel for single connections, so that a key can change between both. */
function screen(
	options: TopOptions,
	context: Context,
	keyboard: Keyboard,
	quit: AbortController,
): Shown {
	const sink = new TopScreen(options, context.stdout, context.stderr);
	const onTyped = (typed: string): void => {
		for (const key of keysOf(typed)) {
			if (QUIT.includes(key)) quit.abort();
			else sink.press(key);
		}
	};
	return {
		aggregate: "connection",
		sink,
		// The last whole interval stays on the screen.
		rest: () => [],
		listen: () => keyboard.listen(onTyped),
	};
}
