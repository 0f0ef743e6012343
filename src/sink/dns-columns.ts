/** The columns of a question of DNS, as data; and which of them are shown when nothing else is said. */

import type { DnsAnswer, DnsRecord } from "../flow/dns-records.ts";
import {
	ADDRESS,
	CORE,
	type Column,
	endpoint,
	findColumn,
	namedColumns,
	numberColumn,
	type Rules,
	textColumn,
} from "./column.ts";
import { safeText } from "./text.ts";
import { humanMicroseconds } from "./units.ts";

const TABLE = [
	...["time", "process", "pid", "client", "server", "question_name", "question_type"],
	...["result", "latency_us", "data"],
];
/** In the order of the record. */
const FIELDS = [
	...["time", "netns", "transport", "client_address", "client_port"],
	...["server_address", "server_port", "id", "question_name", "question_type"],
	...["response_code", "error", "latency_us", "truncated", "answer_count", "answers"],
	...["pid", "process"],
];

type Rule = Rules<DnsRecord>;

const ENDPOINT: Rule = { ...ADDRESS, maxWidth: 47 };
const NAME: Rule = { usualWidth: 24, importance: CORE + 5 };

const COLUMNS: readonly Column<DnsRecord>[] = [
	textColumn("time", "TIME", (d) => d.time, {
		cut: null,
		usualWidth: 12,
		importance: 9,
		text: (d) => safeText(d.time.slice(11, 23)),
	}),
	numberColumn("netns", "NETNS", (d) => d.netns, String, { usualWidth: 10 }),
	textColumn("transport", "PROTO", (d) => d.transport, { cut: null, usualWidth: 5 }),
	textColumn("client", "CLIENT", (d) => endpoint(d.client_address, d.client_port), {
		...ENDPOINT,
		importance: 2,
	}),
	textColumn("client_address", "CLIENT_ADDRESS", (d) => d.client_address, ENDPOINT),
	numberColumn("client_port", "CLIENT_PORT", (d) => d.client_port, String),
	textColumn("server", "SERVER", (d) => endpoint(d.server_address, d.server_port), {
		...ENDPOINT,
		importance: 6,
	}),
	textColumn("server_address", "SERVER_ADDRESS", (d) => d.server_address, ENDPOINT),
	numberColumn("server_port", "SERVER_PORT", (d) => d.server_port, String),
	numberColumn("id", "ID", (d) => d.id, String, { usualWidth: 5 }),
	textColumn("question_name", "NAME", (d) => d.question_name, { alias: "name", ...NAME }),
	textColumn("question_type", "TYPE", (d) => d.question_type, {
		...{ alias: "type", cut: null, usualWidth: 5, importance: CORE + 4 },
	}),
	textColumn("result", "RESULT", (d) => d.error ?? d.response_code, {
		...{ cut: null, usualWidth: 8, importance: CORE + 3 },
	}),
	textColumn("response_code", "RCODE", (d) => d.response_code, { alias: "rcode", cut: null }),
	textColumn("error", "ERROR", (d) => d.error, { cut: null }),
	numberColumn("latency_us", "LATENCY", (d) => d.latency_us, humanMicroseconds, {
		...{ alias: "latency", usualWidth: 7, importance: 7, plainHeader: "LATENCY_US" },
	}),
	textColumn("truncated", "TC", (d) => (d.truncated === null ? null : String(d.truncated))),
	numberColumn("answer_count", "COUNT", (d) => d.answer_count, String, { alias: "count" }),
	textColumn("answers", "ANSWERS", (d) => listText(d, recordText, "; ")),
	textColumn("data", "DATA", (d) => listText(d, ({ data }) => data, ","), {
		...{ usualWidth: 16, importance: 5 },
	}),
	numberColumn("pid", "PID", (d) => d.pid, String, { usualWidth: 7, importance: 4 }),
	textColumn("process", "PROCESS", (d) => d.process, {
		...{ usualWidth: 15, maxWidth: 15, importance: 8 },
	}),
];

/** As a master file has it. */
const recordText = ({ name, type, ttl, data }: DnsAnswer): string =>
	`${name} ${ttl} ${type} ${data}`;

/** Null where there is no answer. */
function listText(
	{ answers }: DnsRecord,
	textOf: (answer: DnsAnswer) => string,
	between: string,
): string | null {
	return answers.length === 0 ? null : answers.map(textOf).join(between);
}

/**
 * What `names` say, or what suits the format. CSV has every field of the record but its type.
 *
 * @throws UsageError for a column that does not exist
 */
export function dnsColumns(
	names: readonly string[] | null,
	format: "table" | "csv",
): readonly Column<DnsRecord>[] {
	if (names !== null) return namedColumns(COLUMNS, names);
	const usual = format === "table" ? TABLE : FIELDS;
	return usual.map((name) => findColumn(COLUMNS, name, "--columns"));
}
