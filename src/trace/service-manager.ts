/**
 * What a service tells who started it: sd_notify(3), where NOTIFY_SOCKET is set, and the watchdog of
 * sd_watchdog_enabled(3).
 */

import { ConntracerError } from "../errors.ts";
import { monotonicNs } from "../ffi/clocks.ts";
import { sendDatagram } from "../ffi/notify-socket.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const NS_PER_US = 1000n;
const US_PER_MS = 1000;

export class ServiceManager implements Disposable {
	readonly #socket: string | null;
	readonly #report: (error: Error) => void;
	readonly #watchdogMs: number | null;
	#watchdog: NodeJS.Timeout | null = null;
	#hasFailed = false;

	/** @param report is told once if it cannot be told */
	constructor(env: Environment, report: (error: Error) => void, pid = process.pid) {
		const { NOTIFY_SOCKET = "" } = env;
		this.#socket = NOTIFY_SOCKET === "" ? null : NOTIFY_SOCKET;
		this.#report = report;
		this.#watchdogMs = watchdogMs(env, pid);
	}

	/** At the start, and after reloading(). The watchdog hears from us from now on. */
	ready(status: string): void {
		this.#send("READY=1", `STATUS=${oneLine(status)}`);
		if (this.#watchdog !== null || this.#watchdogMs === null || this.#socket === null) return;
		// Half of the time: one that comes late is no end yet.
		this.#watchdog = setInterval(() => this.#send("WATCHDOG=1"), this.#watchdogMs / 2);
	}

	reloading(): void {
		const now = monotonicNs() / NS_PER_US;
		this.#send("RELOADING=1", `MONOTONIC_USEC=${now}`);
	}

	stopping(): void {
		this.#send("STOPPING=1", "STATUS=stopping");
	}

	#send(...lines: readonly string[]): void {
		if (this.#socket === null) return;
		try {
			sendDatagram(this.#socket, lines.join("\n"));
		} catch (error) {
			if (!(error instanceof ConntracerError)) throw error;
			if (!this.#hasFailed) this.#report(error);
			this.#hasFailed = true;
		}
	}

	[Symbol.dispose](): void {
		if (this.#watchdog !== null) clearInterval(this.#watchdog);
	}
}

/** Null where nobody watches, or another process is meant. */
function watchdogMs({ WATCHDOG_USEC = "", WATCHDOG_PID = "" }: Environment, pid: number) {
	if (!/^[1-9]\d{0,15}$/.test(WATCHDOG_USEC)) return null;
	if (WATCHDOG_PID !== "" && WATCHDOG_PID !== String(pid)) return null;
	return Number(WATCHDOG_USEC) / US_PER_MS;
}

/** A line break would begin another field. */
const oneLine = (text: string): string => text.replaceAll("\n", " ");
