/** A command as data: what it is called, which options it knows, and what it does with them. */

import type { EventSlice } from "../flow/event-slice.ts";
import type { ProbeProgram } from "../flow/probe-stats.ts";
import type { FlowBatch, ReadyRecord, SummaryRecord } from "../flow/records.ts";
import type { Output } from "../sink/sink.ts";
import type { EventTracerOptions } from "../trace/event-options.ts";
import type { FlowTracerOptions } from "../trace/flow-tracer.ts";
import type { giveUpRights } from "../trace/least-rights.ts";
import type { raisePriority } from "../trace/priority.ts";
import type { Options, Values } from "./option.ts";

/** What a command needs of a tracer. */
export interface FlowSource extends Disposable {
	readonly ready: ReadyRecord;
	/** One batch an interval, `count` at most, and a last one with the rest if the signal aborts. */
	batches(signal: AbortSignal, count?: number): AsyncIterable<FlowBatch>;
	summary(): SummaryRecord;
	/** For --verbose; after summary() as well. */
	programStats(): readonly ProbeProgram[];
}

/** The same, for single events. */
export interface EventSource extends Disposable {
	readonly ready: ReadyRecord;
	/** In time order, until the signal aborts; then a last one. Each is there until the next one. */
	slices(signal: AbortSignal): AsyncIterable<EventSlice>;
	summary(): SummaryRecord;
	/** For --verbose; after summary() as well. */
	programStats(): readonly ProbeProgram[];
}

/** A terminal's. */
export interface Keyboard {
	/** Until it is disposed, what is typed comes at once, and is not shown. */
	listen(onTyped: (text: string) => void): Disposable;
}

/** The outside world. src/main.ts has the real one, tests have theirs. */
export interface Context {
	readonly stdout: Output;
	readonly stderr: Output;
	/** Absent where standard input is no terminal. */
	readonly keyboard?: Keyboard;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** Aborts when the run shall come to a clean end: SIGINT, SIGTERM, a closed pipe. */
	readonly signal: AbortSignal;
	/** Calls when the options shall be read again (SIGHUP), until it is disposed. */
	readonly onReload?: (listener: () => void) => Disposable;
	/** For what shows no records: it goes on when nobody reads standard output any more. */
	readonly outliveReader?: () => void;
	readonly version: string;
	readonly openFlowTracer: (options: FlowTracerOptions) => FlowSource;
	readonly openEventTracer: (options: EventTracerOptions) => EventSource;
	/** Called before rights are given up, where records are lost if they are not read in time. */
	readonly raisePriority?: typeof raisePriority;
	/** Called once a tracer is attached, and nothing is left to open: gives up what that took. */
	readonly giveUpRights?: typeof giveUpRights;
}

export interface Example {
	readonly line: string;
	readonly describe: string;
}

export interface Positional {
	readonly name: string;
	readonly describe: string;
	readonly choices: readonly string[];
}

export interface Command<O extends Options = Options> {
	readonly name: string;
	readonly describe: string;
	readonly options: O;
	/** What may stand behind the name, without a dash; null: nothing. */
	readonly positional: Positional | null;
	readonly examples: readonly Example[];
	/** Options that one might look for here, by long name, and why there is none. */
	readonly missing?: Readonly<Record<string, string>>;
	/**
	 * @param readAgain the options, from all the places where they were: throws as the first time
	 * @returns the exit code
	 */
	handler(
		values: Values<O>,
		context: Context,
		words: readonly string[],
		readAgain?: () => Values<O>,
	): Promise<number> | number;
}

/** Infers the types of the values from the options. */
export function defineCommand<const O extends Options>(command: Command<O>): Command<O> {
	return command;
}
