/** `conntracer doctor`: what this machine can trace, and what is missing. */

import type { DoctorRecord, DoctorStats } from "../flow/doctor.ts";
import { writeDoctor } from "../sink/doctor.ts";
import type { DoctorOptions } from "../trace/doctor.ts";
import { type Command, defineCommand } from "./command.ts";
import { doctorOptions } from "./doctor-options.ts";
import { usesColor } from "./from-options.ts";
import { EXIT_DONE, EXIT_NOT_PERMITTED, EXIT_UNSUPPORTED } from "./report-error.ts";

/** Where the findings come from. */
export type Examination = (options: DoctorOptions) => DoctorRecord | Promise<DoctorRecord>;

/** What --stats shows. */
export type Probing = (
	options: DoctorOptions,
	durationMs: number,
	signal: AbortSignal,
) => Promise<DoctorStats>;

/**
 * @param examine the machine; tests have theirs
 * @param probe what its programs do
 */
export function doctorOf(examine: Examination, probe: Probing): Command<typeof doctorOptions> {
	return defineCommand({
		name: "doctor",
		describe: "what this machine can trace, and how",
		options: doctorOptions,
		positional: null,
		examples: [
			{ line: "sudo conntracer doctor", describe: "for a bug report" },
			{ line: "conntracer doctor --hooks kprobe", describe: "what a watch of kprobes would lack" },
			{ line: "sudo conntracer doctor --stats -d 10s", describe: "what our programs do and cost" },
			{ line: "conntracer doctor --json | jq .error", describe: "why it cannot run" },
		],
		async handler(values, context) {
			const { output, btf, libbpf, hooks, noColor } = values;
			const { version, stdout, signal } = context;
			const options = { btfPath: btf, libbpfPath: libbpf, hooks, version };
			const found = await examine(options);
			const stats = async (): Promise<DoctorStats | null> =>
				found.can_watch ? await probe(options, values.duration, signal) : null;
			const record = values.stats ? { ...found, stats: await stats() } : found;
			writeDoctor(record, { format: output, color: usesColor(noColor, context) }, stdout);
			return exitCode(record);
		},
	});
}

/** The tracer is loaded only when it is needed: other commands have no use for it. */
export const doctor = doctorOf(
	async (options) => {
		const { examine } = await import("../trace/doctor.ts");
		return examine(options);
	},
	async (...args) => {
		const { probe } = await import("../trace/doctor-stats.ts");
		return probe(...args);
	},
);

function exitCode({ can_watch, error }: DoctorRecord): number {
	if (can_watch) return EXIT_DONE;
	return error?.code === "permission" ? EXIT_NOT_PERMITTED : EXIT_UNSUPPORTED;
}
