/** The findings of doctor, for people, for jq, and for a spreadsheet. */

import type {
	Answer,
	CommandVerdict,
	DoctorRecord,
	DoctorStats,
	FeatureReport,
} from "../flow/doctor.ts";
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
	/** Null: neither. */
	readonly mark?: Mark | null;
}

/** For the eye. `poor`: it works, but not as it could. */
type Mark = keyof typeof MARKS;
const MARKS = {
	good: { sign: "✓", color: "\x1b[32m" },
	poor: { sign: "!", color: "\x1b[33m" },
	bad: { sign: "✗", color: "\x1b[31m" },
} as const;
const NO_SIGN = " ";

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
		...record.commands.map(verdict),
	];
}

function machine(record: DoctorRecord): Finding[] {
	const { version, kernel, architecture, btf, lockdown, uid, in_user_namespace } = record;
	const missing = record.missing_processes;
	const namespace = in_user_namespace === true ? "in a user namespace" : null;
	return [
		finding("machine", "conntracer", version),
		finding("machine", "kernel", kernel),
		finding("machine", "architecture", architecture),
		marked(finding("machine", "kernel types (BTF)", btf), btf === null ? "bad" : null),
		finding("machine", "lockdown", lockdown),
		marked(finding("machine", "libbpf", record.libbpf), record.libbpf === null ? "bad" : null),
		finding("machine", "cgroup v2", record.cgroup2),
		marked(finding("machine", "user", uid, namespace), namespace === null ? null : "bad"),
		finding("machine", "processes", missing === null ? "all" : "not all", missing),
	];
}

/** The chosen hook, and below it each other way with the reason that it is closed. */
function featureFindings({ feature, hook, less_exact, remedy, ways }: FeatureReport): Finding[] {
	const none = remedy === null ? NOT_KNOWN : "none";
	const mark = hook === null ? "bad" : less_exact === null ? "good" : "poor";
	return [
		marked(finding("features", feature, hook ?? none, less_exact ?? remedy), mark),
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

function verdict({ command, can_run, error, does_without }: CommandVerdict): Finding {
	const { message = "", hint = null } = error ?? {};
	const why = error === null ? [] : [`${message}${hint === null ? "" : ` (${hint})`}`];
	const without = does_without.map((what) => `without ${what}`);
	const text = can_run === null ? NOT_KNOWN : can_run ? "can run" : "cannot run";
	const remark = [...why, ...without].join("; ");
	const found = finding("verdict", `conntracer ${command}`, text, remark === "" ? null : remark);
	if (can_run === false) return marked(found, "bad");
	return marked(found, can_run === true && without.length === 0 ? "good" : "poor");
}

function marked(found: Finding, mark: Mark | null): Finding {
	return { ...found, mark };
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
		const line = `${item}  ${value}  ${safeText(finding.remark ?? "")}`.trimEnd();
		text += `${signOf(finding, color)} ${line}\n`;
	}
	return text;
}

function signOf({ mark = null }: Finding, isColored: boolean): string {
	if (mark === null) return NO_SIGN;
	const { sign, color } = MARKS[mark];
	return isColored ? `${color}${sign}${RESET}` : sign;
}

function widest(texts: readonly string[]): number {
	return texts.reduce((most, text) => Math.max(most, displayWidth(text)), 0);
}
