/** The process: real outputs, signals, the exit code. Nobody else uses standard output or exits. */

import { fstatSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { isatty, type WriteStream } from "node:tty";
import {
	giveUpRights,
	type Keyboard,
	type Output,
	openEventTracer,
	openFlowTracer,
	raisePriority,
	readerIsGone,
	writeWouldBlock,
} from "./cmd/platform.ts";
import { runCli } from "./cmd/run.ts";
import { VERSION } from "./version.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const RETRY_MS = 5;
const READER_CHECK_MS = 1000;
const CTRL_Z = "\x1a";
/** Where the size of a terminal cannot be found out. */
const COLUMNS = 80;
const ROWS = 24;

const end = new AbortController();

/** Whole and at once: what is written is out, whatever happens next. */
function writeAll(fd: number, text: string | Uint8Array): void {
	let rest = typeof text === "string" ? new TextEncoder().encode(text) : text;
	while (rest.length > 0) {
		try {
			rest = rest.subarray(writeSync(fd, rest));
		} catch (error) {
			// Somebody else made the pipe non-blocking, and it is full.
			if (!hasCode(error, "EAGAIN")) throw error;
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
		}
	}
}

function hasCode(error: unknown, code: string): boolean {
	return error instanceof Error && "code" in error && error.code === code;
}

/** @param onClosed nobody reads any more; from then on what is written is dropped */
function outputOf(fd: number, stream: () => WriteStream, onClosed: () => void): Output {
	const isTerminal = isatty(fd);
	let isClosed = false;
	return {
		isTerminal,
		get isClosed() {
			return isClosed;
		},
		wouldBlock: () => writeWouldBlock(fd),
		write(text) {
			if (isClosed) return;
			try {
				writeAll(fd, text);
			} catch (error) {
				if (!hasCode(error, "EPIPE")) throw error;
				isClosed = true;
				onClosed();
			}
		},
		columns: () => (isTerminal && stream().columns) || COLUMNS,
		rows: () => (isTerminal && stream().rows) || ROWS,
	};
}

/** Raw: Ctrl-C and Ctrl-Z are keys, too. What the terminal was like comes back when it is disposed. */
const keyboard: Keyboard = {
	listen(onTyped) {
		const { stdin } = process;
		const onData = (bytes: Buffer): void => {
			const typed = bytes.toString();
			if (typed.includes(CTRL_Z)) suspend();
			onTyped(typed.replaceAll(CTRL_Z, ""));
		};
		const onContinued = (): void => void stdin.setRawMode(true);
		stdin.setRawMode(true);
		stdin.on("data", onData);
		process.on("SIGCONT", onContinued);
		return {
			[Symbol.dispose]() {
				process.off("SIGCONT", onContinued);
				stdin.off("data", onData).pause();
				stdin.setRawMode(false);
			},
		};
	},
};

/** What the terminal does when it is not raw. */
function suspend(): void {
	process.stdin.setRawMode(false);
	process.kill(0, "SIGTSTP");
}

/** A run that has nothing to write would not notice that its reader is gone. */
function watchReader(): NodeJS.Timeout | null {
	const stats = fstatSync(STDOUT);
	if (!stats.isFIFO() && !stats.isSocket()) return null;
	const timer = setInterval(() => {
		if (readerIsGone(STDOUT)) end.abort();
	}, READER_CHECK_MS);
	return timer.unref();
}

/** The first one asks for a clean end, the second one does not wait for it. */
function onSignal(name: "SIGINT" | "SIGTERM"): void {
	if (end.signal.aborted) process.exit(128 + constants.signals[name]);
	end.abort();
}

/** Without a listener a SIGHUP ends the process, as when its terminal is gone. */
function onReload(listener: () => void): Disposable {
	process.on("SIGHUP", listener);
	return { [Symbol.dispose]: () => void process.off("SIGHUP", listener) };
}

process.on("SIGINT", () => onSignal("SIGINT"));
process.on("SIGTERM", () => onSignal("SIGTERM"));
const readerWatch = watchReader();

process.exit(
	await runCli(process.argv.slice(2), {
		stdout: outputOf(
			STDOUT,
			() => process.stdout,
			() => end.abort(),
		),
		stderr: outputOf(
			STDERR,
			() => process.stderr,
			() => {},
		),
		...(isatty(STDIN) ? { keyboard } : {}),
		env: process.env,
		signal: end.signal,
		onReload,
		outliveReader: () => {
			if (readerWatch !== null) clearInterval(readerWatch);
		},
		version: VERSION,
		openFlowTracer,
		openEventTracer,
		raisePriority,
		giveUpRights,
	}),
);
