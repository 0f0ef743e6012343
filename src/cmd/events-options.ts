/** The options of `conntracer events`. */

import { DEFAULT_RING_BYTES, LEAST_BUFFER_BYTES } from "../flow/defaults.ts";
import type { EventName } from "../flow/records.ts";
import { leastBufferBytes } from "../trace/check-range.ts";
import { nearest } from "./nearest.ts";
import { flag, InvalidValue, list, type Option, single } from "./option.ts";
import {
	COUNT,
	durationOption,
	fileOptions,
	filterOptions,
	formatOptions,
	hookOptions,
	KERNEL,
	nameOptions,
	otherOptions,
	TIME,
	tableOptions,
	WHICH,
} from "./option-groups.ts";
import { parseCommaList, parseInteger, parseSize } from "./parse.ts";

const NAMES = [
	...["connect", "connect_failed", "accept", "close"],
	...["listen", "unlisten", "retransmit", "reset_sent", "reset_received"],
] as const satisfies readonly EventName[];
const DEFAULT_NAMES = NAMES.slice(0, 4);
const ALL = "all";
const CHOICES = [...NAMES, ALL];

const BUFFER = { least: LEAST_BUFFER_BYTES, most: 2 ** 28 };

export const eventsOptions = {
	count: single(
		{ group: TIME, short: "n", describe: "stop after this many events" },
		null,
		parseInteger(COUNT),
	),
	...durationOption,

	...filterOptions,
	events: eventsOption(),
	failed: flag({ group: WHICH, describe: "only what failed: connect_failed, close with an error" }),

	...formatOptions,
	...tableOptions,
	...nameOptions,

	...hookOptions,
	buffer: single(
		{
			group: KERNEL,
			describe: "size of the ring buffer: 64k, 64m",
			defaultText: "16m",
		},
		DEFAULT_RING_BYTES,
		(text) => parseBuffer(text),
	),
	...fileOptions,

	...otherOptions,
};

function eventsOption(): Option<readonly EventName[]> {
	const parseOne = parseCommaList(parseEvents);
	const describe = `${CHOICES.join(", ")}; commas between`;
	return {
		...list({ group: WHICH, describe, defaultText: "the first four" }, parseOne),
		choices: CHOICES,
		initial: DEFAULT_NAMES,
		parse: (texts) => [...new Set(texts.flatMap(parseOne).flat())],
	};
}

function parseEvents(text: string): readonly EventName[] {
	if (text === ALL) return NAMES;
	const found = NAMES.find((name) => name === text);
	if (found !== undefined) return [found];
	const choices = CHOICES.join(", ");
	const guess = nearest(text, CHOICES);
	const hint = guess === null ? `choose from ${choices}` : `did you mean ${guess}?`;
	throw new InvalidValue(text, "is unknown", hint);
}

/** Bytes. The kernel takes powers of two only, and whole pages of `least` bytes. */
export function parseBuffer(text: string, least = leastBufferBytes()): number {
	const bytes = parseSize(BUFFER)(text);
	if (bytes < least)
		throw new InvalidValue(
			text,
			`is less than a page of this machine, ${formatSize(least)}`,
			`write for example ${formatSize(least)} or ${formatSize(DEFAULT_RING_BYTES)}`,
		);
	if (Number.isInteger(Math.log2(bytes))) return bytes;
	const below = 2 ** Math.floor(Math.log2(bytes));
	throw new InvalidValue(
		text,
		"is not a power of two",
		`write for example ${formatSize(below)} or ${formatSize(below * 2)}`,
	);
}

function formatSize(bytes: number): string {
	return bytes < 2 ** 20 ? `${bytes / 2 ** 10}k` : `${bytes / 2 ** 20}m`;
}
