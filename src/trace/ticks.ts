/** The beat of a tracer. */

/**
 * Yields once an interval until `signal` aborts; the beat does not drift, and beats that a slow
 * reader slept through are left out.
 */
export async function* ticks(intervalMs: number, signal: AbortSignal): AsyncGenerator<void> {
	const start = performance.now();
	for (;;) {
		const elapsed = performance.now() - start;
		const next = (Math.floor(elapsed / intervalMs) + 1) * intervalMs;
		await pause(next - elapsed, signal);
		if (signal.aborted) return;
		yield;
	}
}

/** Until `ms` have passed or `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal.aborted) return resolve();
		const done = (): void => {
			clearTimeout(timer);
			signal.removeEventListener("abort", done);
			resolve();
		};
		const timer = setTimeout(done, ms);
		signal.addEventListener("abort", done);
	});
}
