/** The options of `conntracer accounting`. */

import { PROTOCOL_NAMES, protocolNamed } from "../flow/protocols.ts";
import { DEFAULT_RATE, type RatePoint } from "../flow/rate-curve.ts";
import { parseBuffer } from "./events-options.ts";
import { flag, InvalidValue, list, type Option, single } from "./option.ts";
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
import { parseCommaList, parseDuration, parseInteger, parseSize, parseText } from "./parse.ts";

const AGE = { least: 0, most: 365 * 24 * 3_600_000 };
const INTERVAL = { least: 1, most: AGE.most };
const RATE_EXAMPLE = "write ages that rise, each with its interval: 0=20s,1m=1m";

const DEFAULT_MAX_FLOWS = 262_144;

const { pid, process, uid, cgroup, container, netns, family, ipv4, ipv6 } = filterOptions;
const { strict, verbose, config } = otherOptions;

export const accountingOptions = {
	count: single(
		{ group: TIME, short: "n", describe: "stop after this many records" },
		null,
		parseInteger(COUNT),
	),
	...durationOption,
	rate: rateOption(),

	...{ pid, process, uid, cgroup, container, netns },
	family,
	ipv4,
	ipv6,
	port: list(
		{ group: WHICH, describe: "ports of either end: 80,8000-8100; ! in front excludes" },
		parseText,
	),
	transport: single(
		{ group: WHICH, describe: "tcp, udp, icmp, icmpv6, sctp, …, or a number" },
		null,
		parseProtocol,
	),

	...formatOptions,
	...tableOptions,

	hooks: hookOptions.hooks,
	maxFlows: single(
		{
			group: KERNEL,
			describe: "flows followed at one time, in each network namespace",
			defaultText: String(DEFAULT_MAX_FLOWS),
		},
		DEFAULT_MAX_FLOWS,
		parseSize(TABLE),
	),
	buffer: single(
		{
			group: KERNEL,
			describe: "for what is not read yet: 64m, 256m",
			defaultText: "64m; with fentry or kprobe 16m",
		},
		null,
		(text) => parseBuffer(text),
	),

	...fileOptions,

	sysctl: flag({
		group: KERNEL,
		describe: "have the kernel count, and keep when flows began; as before at the end",
	}),

	strict,
	verbose,
	config,
};

/** As records have it. */
function parseProtocol(text: string): string {
	const name = protocolNamed(text.toLowerCase());
	if (name !== null) return name;
	const names = PROTOCOL_NAMES.join(", ");
	throw new InvalidValue(text, "is not a protocol", `write one of ${names}, or a number to 255`);
}

function rateOption(): Option<readonly RatePoint[]> {
	const parts = list<string>(
		{
			group: TIME,
			describe: "age=interval, …: how often a flow is reported",
			defaultText: "0=20s,1m=1m,5m=5m",
		},
		parseCommaList(parseText),
	);
	return {
		...parts,
		initial: DEFAULT_RATE,
		parse: (texts) => rising(texts.join(","), parts.parse(texts).map(parsePoint)),
	};
}

function parsePoint(text: string): RatePoint {
	const [age = "", interval, ...more] = text.split("=");
	if (interval === undefined || more.length > 0)
		throw new InvalidValue(text, "is not an age with its interval", RATE_EXAMPLE);
	return { ageMs: parseDuration(AGE)(age), intervalMs: parseDuration(INTERVAL)(interval) };
}

function rising(text: string, points: readonly RatePoint[]): readonly RatePoint[] {
	const isRising = points.every(({ ageMs }, index) => ageMs > (points[index - 1]?.ageMs ?? -1));
	if (!isRising) throw new InvalidValue(text, "has ages that do not rise", RATE_EXAMPLE);
	return points;
}
