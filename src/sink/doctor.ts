/** The findings of doctor, for people, for jq, and for a spreadsheet. */

import type { Answer, DoctorRecord, DoctorStats, FeatureReport } from "../flow/doctor.ts";
import { textColumn } from "./column.ts";
import { CsvRows } from "./csv.ts";
import { probeLines } from "./probe-stats.ts";
import type { Output } from "./sink.ts";
import { safeJson, safeText } from "./text.ts";
import { humanAmount } from "./units.ts";
import { displayWidth, padText } from "./width.ts";

export interface DoctorFormat {
	readonly format: "table" | "json" | "csv";
	readonly color: boolean;
}

/** One finding: what was looked at, what it is, and what there is to say about it. */
interface Finding {
	readonly topic: string;
	readonly item: string;
	readonly value: string;
	readonly remark: string | null;
}

const UNKNOWN = "-";
const NOT_KNOWN = "not known";
const BOLD = "\x1b[1m";
const RESET = "\x1b[0m";

const CSV_COLUMNS = [
	textColumn<Finding>("topic", "TOPIC", ({ topic }) => topic),
	textColumn<Finding>("item", "ITEM", ({ item }) => item),
	textColumn<Finding>("value", "VALUE", ({ value }) => (value === UNKNOWN ? null : value)),
	textColumn<Finding>("remark", "REMARK", ({ remark }) => remark),
];

export function writeDoctor(
	record: DoctorRecord,
	{ format, color }: DoctorFormat,
	stdout: Output,
): void {
	if (format === "json") stdout.write(`${safeJson(JSON.stringify(record))}\n`);
	else if (format === "csv")
		new CsvRows({ columns: CSV_COLUMNS, header: true }, stdout).write(findingsOf(record));
	else stdout.write(tableText(findingsOf(record), color));
}

function findingsOf(record: DoctorRecord): Finding[] {
	return [
		...machine(record),
		...Object.entries(record.capabilities).map(([item, held]) =>
			finding("capabilities", item, held ? "yes" : "no"),
		),
		...Object.entries(record.sysctls).map(([item, value]) => finding("sysctls", item, value)),
		...record.features.flatMap(featureFindings),
		...record.tables.map(({ table, option, entries, memory_bytes }) =>
			finding("tables", table, entries, `${memory(memory_bytes)}; ${option}`),
		),
		...Object.entries(record.conntrack).map(([item, value]) =>
			finding("conntrack", item, value, value === null ? "the module is not loaded" : null),
		),
		...(record.stats ? statsFindings(record.stats) : []),
		verdict(record),
	];
}

function machine(record: DoctorRecord): Finding[] {
	const { version, kernel, architecture, btf, lockdown, uid, in_user_namespace } = record;
	const namespace = in_user_namespace === true ? "in a user namespace" : null;
	return [
		finding("machine", "conntracer", version),
		finding("machine", "kernel", kernel),
		finding("machine", "architecture", architecture),
		finding("machine", "kernel types (BTF)", btf),
		finding("machine", "lockdown", lockdown),
		finding("machine", "libbpf", record.libbpf),
		finding("machine", "cgroup v2", record.cgroup2),
		finding("machine", "user", uid, namespace),
	];
}

/** The chosen hook, and below it each other way with the reason that it is closed. */
function featureFindings({ feature, hook, less_exact, remedy, ways }: FeatureReport): Finding[] {
	const none = remedy === null ? NOT_KNOWN : "none";
	return [
		finding("features", feature, hook ?? none, less_exact ?? remedy),
		...ways
			.filter(({ available }) => available !== true)
			.map((way) => finding("features", `  ${way.hook}`, word(way), way.reason)),
	];
}

function statsFindings({ watch, events }: DoctorStats): Finding[] {
	return [...probeLines(watch, "watch"), ...probeLines(events, "events")].map(
		({ topic, item, value, remark }) => finding(topic, item, value, remark),
	);
}

function verdict({ can_watch, error }: DoctorRecord): Finding {
	const { message = "", hint = null } = error ?? {};
	const why = can_watch ? null : `${message}${hint === null ? "" : ` (${hint})`}`;
	return finding("verdict", "conntracer watch", can_watch ? "can run" : "cannot run", why);
}

function word({ available }: Answer): string {
	return available === null ? NOT_KNOWN : available ? "yes" : "no";
}

function memory(bytes: number | null): string {
	return bytes === null ? "memory not known" : `${humanAmount(bytes)}B`;
}

function finding(
	topic: string,
	item: string,
	value: string | number | null,
	remark: string | null = null,
): Finding {
	return { topic, item, value: value === null ? UNKNOWN : String(value), remark };
}

/** A block for each topic. Remarks stand last, and are not cut: they are what helps. */
function tableText(findings: readonly Finding[], color: boolean): string {
	const itemWidth = widest(findings.map(({ item }) => safeText(item)));
	const valueWidth = widest(
		findings.filter(({ remark }) => remark !== null).map(({ value }) => safeText(value)),
	);
	let text = "";
	let topic = "";
	for (const finding of findings) {
		if (finding.topic !== topic) {
			topic = finding.topic;
			const title = topic.toUpperCase();
			text += `${text === "" ? "" : "\n"}${color ? `${BOLD}${title}${RESET}` : title}\n`;
		}
		const item = padText(safeText(finding.item), itemWidth, "left");
		const value = padText(safeText(finding.value), valueWidth, "left");
		text += `${`${item}  ${value}  ${safeText(finding.remark ?? "")}`.trimEnd()}\n`;
	}
	return text;
}

function widest(texts: readonly string[]): number {
	return texts.reduce((most, text) => Math.max(most, displayWidth(text)), 0);
}
