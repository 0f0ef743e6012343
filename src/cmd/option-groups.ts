/** Options that several commands have in common, in the groups of --help. */

import { DEFAULT_MAX_CONNECTIONS } from "../flow/defaults.ts";
import { choice, flag, list, shorthand, single, table } from "./option.ts";
import {
	parseCommaList,
	parseDuration,
	parseExclusion,
	parseFile,
	parseInteger,
	parseSize,
	parseText,
} from "./parse.ts";
import { parseCgroup, parseContainer, parseNetns, parseUser } from "./selection.ts";

/** setTimeout takes at most 2^31 ms. */
export const DURATION = { least: 10, most: 576 * 3_600_000 };
const PID = { least: 1, most: 2 ** 22 };

export const COUNT = { least: 1, most: 2 ** 31 - 1 };
export const TABLE = { least: 1, most: 2 ** 24 };

export const TIME = "Time";
const WHOSE = "Whose connections";
export const WHICH = "Which connections";
export const OUTPUT = "Output";
export const KERNEL = "Kernel side";
const OTHER = "Other";

export const durationOption = {
	duration: single(
		{ group: TIME, short: "d", describe: "stop after this long" },
		null,
		parseDuration(DURATION),
	),
};

export const filterOptions = {
	pid: list(
		{ group: WHOSE, short: "p", describe: "process ids, with commas between" },
		parseCommaList(parseInteger(PID)),
	),
	process: list({ group: WHOSE, describe: "name of the process" }, parseText),
	uid: list({ group: WHOSE, describe: "user: number or name" }, parseCommaList(parseUser)),
	cgroup: list({ group: WHOSE, describe: "cgroup v2: path or id" }, parseCgroup),
	container: list(
		{ group: WHOSE, describe: "container id, or at least 12 digits of it" },
		parseCommaList(parseContainer),
	),
	netns: list({ group: WHOSE, describe: "network namespace: inode number or path" }, parseNetns),

	local: list(
		{ group: WHICH, describe: "local address or network; ! in front excludes" },
		parseText,
	),
	remote: list({ group: WHICH, describe: "remote address or network, likewise" }, parseText),
	localPort: list(
		{ group: WHICH, describe: "local ports: 80,8000-8100; ! in front excludes" },
		parseText,
	),
	remotePort: list({ group: WHICH, describe: "remote ports, likewise" }, parseText),
	port: list({ group: WHICH, describe: "ports of either end, likewise" }, parseText),
	excludeLocal: table(
		{ group: WHICH, describe: "leave out by this end: 10.0.0.0/8, '10.0.0.1 80,443'" },
		parseExclusion,
	),
	excludeRemote: table(
		{ group: WHICH, describe: "leave out by the other end: '* udp 53', '::1 tcp *'" },
		parseExclusion,
	),
	family: choice({ group: WHICH, describe: "ipv4 or ipv6" }, ["ipv4", "ipv6"], null),
	ipv4: shorthand({ group: WHICH, short: "4", describe: "--family ipv4" }, "family", "ipv4"),
	ipv6: shorthand({ group: WHICH, short: "6", describe: "--family ipv6" }, "family", "ipv6"),
	transport: choice(
		{ group: WHICH, describe: "tcp or udp alone (the other is not even hooked)" },
		["tcp", "udp"],
		null,
	),
	direction: choice(
		{ group: WHICH, describe: "active: opened from here; passive: accepted here" },
		["active", "passive"],
		null,
	),
};

export const formatOptions = {
	output: choice(
		{ group: OUTPUT, short: "o", describe: "table, json or csv", defaultText: "table" },
		["table", "json", "csv"],
		"table",
	),
	json: shorthand({ group: OUTPUT, describe: "--output json" }, "output", "json"),
	columns: list(
		{ group: OUTPUT, describe: "columns of table and CSV, with commas between" },
		parseCommaList(parseText),
	),
};

export const tableOptions = {
	noHeader: flag({ group: OUTPUT, describe: "no line of column names" }),
	wide: flag({ group: OUTPUT, describe: "tables wider than the terminal, nothing cut" }),
	noColor: flag({ group: OUTPUT, describe: "no colours (also: NO_COLOR=1)" }),
	summary: flag({ group: OUTPUT, describe: "end with a summary, also in JSON" }),
};

export const nameOptions = {
	dns: flag({ group: OUTPUT, describe: "names of remote addresses, from DNS seen meanwhile" }),
	dnsPort: list(
		{ group: OUTPUT, describe: "ports of resolvers, with --dns: 53,8053", defaultText: "53" },
		parseText,
	),
};

export const hookOptions = {
	hooks: choice(
		{ group: KERNEL, describe: "auto, tracepoint, fentry or kprobe", defaultText: "auto" },
		["auto", "tracepoint", "fentry", "kprobe"],
		"auto",
	),
	maxConnections: single(
		{
			group: KERNEL,
			describe: "connections tracked at one time",
			defaultText: String(DEFAULT_MAX_CONNECTIONS),
		},
		DEFAULT_MAX_CONNECTIONS,
		parseSize(TABLE),
	),
};

export const fileOptions = {
	btf: single({ group: KERNEL, describe: "file with the kernel's types" }, null, parseFile),
	libbpf: single({ group: KERNEL, describe: "another libbpf.so.1" }, null, parseText),
};

export const otherOptions = {
	strict: flag({ group: OTHER, describe: "exit with 6 if anything was lost" }),
	verbose: flag({
		group: OTHER,
		short: "v",
		describe: "show runs of BPF programs, and where errors come from",
	}),
	config: single(
		{ group: OTHER, describe: "TOML file with any of these options" },
		null,
		parseText,
	),
};
