/** The options of `conntracer dns`. */

import { DEFAULT_BUFFER_BYTES } from "../flow/defaults.ts";
import { parseBuffer } from "./events-options.ts";
import { flag, list, single } from "./option.ts";
import {
	COUNT,
	durationOption,
	fileOptions,
	filterOptions,
	formatOptions,
	hookOptions,
	KERNEL,
	otherOptions,
	TABLE,
	TIME,
	tableOptions,
	WHICH,
} from "./option-groups.ts";
import { parseDuration, parseInteger, parseSize, parseText } from "./parse.ts";

const TIMEOUT = { least: 10, most: 3_600_000 };
const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_MAX_QUESTIONS = 65_536;

const { pid, process, uid, cgroup, container, netns, family, ipv4, ipv6 } = filterOptions;
const { strict, verbose, config } = otherOptions;

export const dnsOptions = {
	count: single(
		{ group: TIME, short: "n", describe: "stop after this many records" },
		null,
		parseInteger(COUNT),
	),
	...durationOption,
	timeout: single(
		{ group: TIME, describe: "a question without an answer is given up", defaultText: "5s" },
		DEFAULT_TIMEOUT_MS,
		parseDuration(TIMEOUT),
	),

	...{ pid, process, uid, cgroup, container, netns },
	family,
	ipv4,
	ipv6,
	port: list(
		{ group: WHICH, describe: "ports that DNS is looked for at: 53,8053-8060", defaultText: "53" },
		parseText,
	),
	transport: filterOptions.transport,
	failed: flag({ group: WHICH, describe: "only timeouts, and other answers than NOERROR" }),

	...formatOptions,
	...tableOptions,

	hooks: hookOptions.hooks,
	maxQuestions: single(
		{
			group: KERNEL,
			describe: "questions that wait for an answer at one time",
			defaultText: String(DEFAULT_MAX_QUESTIONS),
		},
		DEFAULT_MAX_QUESTIONS,
		parseSize(TABLE),
	),
	buffer: single(
		{
			group: KERNEL,
			describe: "for what is not read yet, in each netns: 1m, 16m",
			defaultText: "4m",
		},
		DEFAULT_BUFFER_BYTES,
		(text) => parseBuffer(text),
	),
	...fileOptions,

	strict,
	verbose,
	config,
};
