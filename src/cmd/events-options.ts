/** The options of `conntracer events`. */

import { UnsupportedError } from "../errors.ts";
import { DEFAULT_BUFFER_BYTES } from "../flow/defaults.ts";
import type { EventName } from "../flow/records.ts";
import { nearest } from "./nearest.ts";
import { flag, InvalidValue, type Option, single } from "./option.ts";
import {
	COUNT,
	durationOption,
	fileOptions,
	filterOptions,
	formatOptions,
	hookOptions,
	KERNEL,
	otherOptions,
	TIME,
	tableOptions,
	WHICH,
} from "./option-groups.ts";
import { parseCommaList, parseInteger, parseSize } from "./parse.ts";

/** What this version can tell. */
const AVAILABLE = [
	"connect",
	"connect_failed",
	"accept",
	"close",
] as const satisfies readonly EventName[];
const PLANNED: readonly string[] = [
	"listen",
	"unlisten",
	"retransmit",
	"reset_sent",
	"reset_received",
] satisfies EventName[];
const ALL = "all";
const CHOICES = [...AVAILABLE, ALL];

const BUFFER = { least: 4096, most: 2 ** 28 };

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

	...hookOptions,
	buffer: single(
		{
			group: KERNEL,
			describe: "size of the ring buffer: 64k, 4m",
			defaultText: "4m",
		},
		DEFAULT_BUFFER_BYTES,
		parseBuffer,
	),
	...fileOptions,

	...otherOptions,
};

function eventsOption(): Option<readonly EventName[]> {
	const parseOne = parseCommaList(parseEvents);
	return {
		group: WHICH,
		describe: `${CHOICES.join(", ")}; commas between`,
		defaultText: "the first four",
		isFlag: false,
		choices: CHOICES,
		shortFor: null,
		initial: AVAILABLE,
		parse: (texts) => [...new Set(texts.flatMap(parseOne).flat())],
	};
}

function parseEvents(text: string): readonly EventName[] {
	if (text === ALL) return AVAILABLE;
	const found = AVAILABLE.find((name) => name === text);
	if (found !== undefined) return [found];
	const choices = CHOICES.join(", ");
	if (PLANNED.includes(text)) {
		throw new UnsupportedError(
			`--events ${text}`,
			null,
			"this version of conntracer does not have it",
			`choose from ${choices}`,
		);
	}
	const guess = nearest(text, CHOICES);
	const hint = guess === null ? `choose from ${choices}` : `did you mean ${guess}?`;
	throw new InvalidValue(text, "is unknown", hint);
}

/** Bytes. The kernel takes powers of two only, and whole pages. */
function parseBuffer(text: string): number {
	const bytes = parseSize(BUFFER)(text);
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
