/** Chooses the sink of questions of DNS, and sends what is not one of them to standard error. */

import type { DnsAnswer, DnsRecord } from "../flow/dns-records.ts";
import { CsvRows } from "./csv.ts";
import { dnsColumns } from "./dns-columns.ts";
import type { EventSinkOptions } from "./event-sink.ts";
import { JsonLines } from "./json.ts";
import { PlainTable } from "./plain.ts";
import { type RowWriter, tellPeople } from "./rows.ts";
import { ScrollingLines } from "./scrolling-lines.ts";
import type { DnsSink, Output } from "./sink.ts";
import { gapText } from "./summary-text.ts";

/** @throws UsageError for a column that does not exist */
export function createDnsSink(options: EventSinkOptions, stdout: Output, stderr: Output): DnsSink {
	const { format, header, wide, color, summary } = options;
	const columns = dnsColumns(options.columns, format === "csv" ? "csv" : "table");
	if (format === "json") {
		const json = new JsonLines({ lineOf, summary }, stdout, stderr);
		return { ...json.run(), questions: ({ records, gaps }) => json.batch(records, gaps) };
	}
	if (format === "csv") return rowSink(new CsvRows({ columns, header }, stdout), stderr);
	if (!stdout.isTerminal) return rowSink(new PlainTable({ columns, header }, stdout), stderr);
	const lines = { columns, header, wide, color, isMarked: isFailure };
	return rowSink(new ScrollingLines(lines, stdout), stderr);
}

const isFailure = ({ response_code }: DnsRecord): boolean => response_code !== "NOERROR";

function rowSink(rows: RowWriter<DnsRecord>, stderr: Output): DnsSink {
	return {
		...tellPeople(stderr),
		questions({ records, gaps }) {
			rows.write(records);
			for (const gap of gaps) stderr.write(gapText(gap));
		},
	};
}

/** Fields in the order of the contract. */
function lineOf(record: DnsRecord): string {
	const { type, time, netns, transport, client_address, client_port, server_address } = record;
	const { server_port, id, question_name, question_type, response_code, error } = record;
	const { latency_us, truncated, answer_count, answers, pid, process } = record;
	return JSON.stringify({
		...{ type, time, netns, transport, client_address, client_port, server_address, server_port },
		...{ id, question_name, question_type, response_code, error, latency_us },
		...{ truncated, answer_count, answers: answers.map(answerOf), pid, process },
	});
}

const answerOf = ({ name, type, ttl, data }: DnsAnswer): DnsAnswer => ({ name, type, ttl, data });
