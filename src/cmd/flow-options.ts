/** The options that `watch` and `top` have in common. */

import {
	DEFAULT_MAX_FLOWS,
	DEFAULT_UDP_STREAM_TIMEOUT_MS,
	DEFAULT_UDP_TIMEOUT_MS,
} from "../flow/defaults.ts";
import { single } from "./option.ts";
import {
	COUNT,
	durationOption,
	fileOptions,
	filterOptions,
	formatOptions,
	hookOptions,
	KERNEL,
	nameOptions,
	OUTPUT,
	otherOptions,
	TABLE,
	TIME,
	tableOptions,
} from "./option-groups.ts";
import { formatDuration, parseDuration, parseInteger, parseSize, parseText } from "./parse.ts";

const IDLE = { least: 1, most: 24 * 3_600_000 };
const INTERVAL = { least: 10, most: 24 * 3_600_000 };

const flowTableOptions = {
	maxFlows: single(
		{
			group: KERNEL,
			describe: "flows tracked at one time",
			defaultText: String(DEFAULT_MAX_FLOWS),
		},
		DEFAULT_MAX_FLOWS,
		parseSize(TABLE),
	),
	udpTimeout: single(
		{
			group: KERNEL,
			describe: "closes UDP connections that are idle",
			defaultText: formatDuration(DEFAULT_UDP_TIMEOUT_MS),
		},
		DEFAULT_UDP_TIMEOUT_MS,
		parseDuration(IDLE),
	),
	udpStreamTimeout: single(
		{
			group: KERNEL,
			describe: "the same, once both sides spoke",
			defaultText: formatDuration(DEFAULT_UDP_STREAM_TIMEOUT_MS),
		},
		DEFAULT_UDP_STREAM_TIMEOUT_MS,
		parseDuration(IDLE),
	),
};

export function flowOptions(defaultIntervalMs: number) {
	return {
		interval: single(
			{
				group: TIME,
				short: "i",
				describe: "time between rows: 250ms, 2s, 1m; a bare number is seconds",
				defaultText: formatDuration(defaultIntervalMs),
			},
			defaultIntervalMs,
			parseDuration(INTERVAL),
		),
		count: single(
			{ group: TIME, short: "n", describe: "stop after this many intervals" },
			null,
			parseInteger(COUNT),
		),
		...durationOption,

		...filterOptions,

		...formatOptions,
		sort: single({ group: OUTPUT, describe: "column to sort a table by" }, null, parseText),
		...tableOptions,
		...nameOptions,

		...hookOptions,
		...flowTableOptions,
		...fileOptions,

		...otherOptions,
	};
}
