/** Waits for what nobody tells of, by looking again and again. */

import { TIME_FACTOR } from "./time-factor.ts";

const LONGEST_SAID = 300;

export interface Patience {
	/** On a machine of its own; where all takes longer, the wait does too. */
	readonly withinMs?: number;
	/** Between two looks. */
	readonly everyMs?: number;
	/** What has come by now, for the error. */
	readonly soFar?: () => unknown;
}

/** For an error: the beginning of something that can be long. */
export function short(value: unknown): string {
	const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
	return text.length > LONGEST_SAID ? `${text.slice(0, LONGEST_SAID)}…` : text;
}

/**
 * What a look finds, as soon as it finds something: not undefined, null or false.
 * @throws when it has found nothing in time, with what was waited for
 */
export async function until<T>(
	what: string,
	look: () => T | Promise<T>,
	{ withinMs = 30_000, everyMs = 20, soFar }: Patience = {},
): Promise<Exclude<T, undefined | null | false>> {
	const limitMs = withinMs * TIME_FACTOR;
	const deadline = Date.now() + limitMs;
	for (;;) {
		const isLast = Date.now() >= deadline;
		const found = await look();
		if (found !== undefined && found !== null && found !== false)
			return found as Exclude<T, undefined | null | false>;
		if (isLast) {
			const came = soFar === undefined ? "" : `; so far: ${short(soFar())}`;
			throw new Error(`waited ${limitMs} ms for ${what}${came}`);
		}
		await Bun.sleep(everyMs); // a pause between two looks
	}
}
