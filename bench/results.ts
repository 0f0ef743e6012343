/** What was measured, as Markdown and plots. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BpfCost } from "./bpf-cost.ts";
import { markdownTable, spread } from "./figures.ts";
import { barChart, lineChart } from "./plot.ts";
import { type Comparison, type Comparisons, typical } from "./rounds.ts";
import type { ServiceFigures } from "./service.ts";

const PLOTS = join(import.meta.dir, "results");

export interface Section {
	readonly title: string;
	readonly text: string;
	/** Of this name, where the text shows one. */
	readonly plot?: { readonly name: string; readonly svg: string };
}

const cell = (values: readonly number[], digits: number): string =>
	values.length === 0 ? "" : spread(values, digits);

const HEADER = [
	"beside it",
	"rate",
	"p50",
	"p99",
	"CPU of the machine",
	"CPU of the tracer, s per million",
	"in user space",
	"peak memory, MB",
	"records",
	"lost",
];

export function writePlots(sections: readonly Section[]): void {
	mkdirSync(PLOTS, { recursive: true });
	for (const { plot } of sections)
		if (plot !== undefined) writeFileSync(join(PLOTS, `${plot.name}.svg`), plot.svg);
}

function nameOf({ subject, ended, endedAtOnce }: Comparison): string {
	if (endedAtOnce !== null) return `${subject.name} (${endedAtOnce})`;
	return ended === 0 ? subject.name : `${subject.name} (ended by itself: ${ended} ×)`;
}

/** A table, and a plot of the rates. */
export function comparisonSection(name: string, result: Comparisons): Section {
	const { load, rates, p50s, p99s, subjects } = result;
	const rows = subjects.map((one) => [
		nameOf(one),
		cell(one.rateRatios, 3),
		cell(one.p50Ratios, 2),
		cell(one.p99Ratios, 2),
		cell(one.machineRatios, 2),
		cell(one.tracerSeconds, 2),
		one.operations === 0 ? "" : ((one.userSeconds * 1e6) / one.operations).toFixed(2),
		typical(one.peakBytes.map((bytes) => bytes / 1e6))?.toFixed(0) ?? "",
		typical(one.recordRatios)?.toFixed(4) ?? "",
		one.lost.length === 0 ? "" : `${Math.max(...one.lost)}`,
	]);
	const bars = subjects
		.map(({ subject, rateRatios }) => ({ label: subject.name, values: rateRatios }))
		.filter(({ values }) => values.length > 0);
	const alone =
		`Without a tracer: ${spread(rates, 0)} a second; ` +
		`p50 ${spread(p50s, 1)} µs, p99 ${spread(p99s, 1)} µs. One operation: a ${load.unit}.`;
	return {
		title: load.name,
		text: `${alone}\n\n${markdownTable(HEADER, rows)}\n![rates](results/${name}.svg)\n`,
		plot: { name, svg: barChart(`${load.name}: rate, of that without a tracer`, bars) },
	};
}

export function costSection(costs: readonly BpfCost[]): Section {
	const empty = costs[0]?.ns ?? Number.NaN;
	const rows = costs.map(({ subject, runs, ns, endedAtOnce }) =>
		endedAtOnce === null
			? [subject.name, runs.toFixed(2), ns.toFixed(0), (ns / empty).toFixed(2)]
			: [`${subject.name} (${endedAtOnce})`, "", "", ""],
	);
	const header = ["BPF programs of", "runs", "ns", "of the empty ones"];
	return {
		title: "BPF for one connection: both ends, whole life",
		text: `As the kernel counts it (bpf_stats_enabled), its own measuring included.\n\n${markdownTable(header, rows)}`,
	};
}

export function figuresSection(title: string, rows: readonly string[][]): Section {
	return { title, text: markdownTable(["figure", "value"], rows) };
}

export function serviceSection({ minutes, memory, rows }: ServiceFigures): Section {
	const title = `serve, ${minutes} minutes under load`;
	return {
		title,
		text: `${markdownTable(["figure", "value"], rows)}\n![memory](results/service.svg)\n`,
		plot: {
			name: "service",
			svg: lineChart(`${title}: resident memory`, ["minutes", "MB"], memory),
		},
	};
}

export const toMarkdown = (heading: string, sections: readonly Section[]): string =>
	`${heading}\n${sections.map(({ title, text }) => `\n## ${title}\n\n${text}`).join("")}`;
