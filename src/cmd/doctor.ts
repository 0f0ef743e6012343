/** `conntracer doctor`: what this machine can trace, and what is missing. */

import type { DoctorRecord } from "../flow/doctor.ts";
import { writeDoctor } from "../sink/doctor.ts";
import type { DoctorOptions } from "../trace/doctor.ts";
import { type Command, defineCommand } from "./command.ts";
import { doctorOptions } from "./doctor-options.ts";
import { usesColor } from "./from-options.ts";
import { EXIT_DONE, EXIT_NOT_PERMITTED, EXIT_UNSUPPORTED } from "./report-error.ts";

/** Where the findings come from. */
export type Examination = (options: DoctorOptions) => DoctorRecord | Promise<DoctorRecord>;

/** @param examine the machine; tests have theirs */
export function doctorOf(examine: Examination): Command<typeof doctorOptions> {
	return defineCommand({
		name: "doctor",
		describe: "what this machine can trace, and how",
		options: doctorOptions,
		positional: null,
		examples: [
			{ line: "sudo conntracer doctor", describe: "for a bug report" },
			{ line: "conntracer doctor --hooks kprobe", describe: "what a watch of kprobes would lack" },
			{ line: "conntracer doctor --json | jq .error", describe: "why it cannot run" },
		],
		async handler(values, context) {
			const { output, btf, libbpf, hooks, noColor } = values;
			const { version, stdout } = context;
			const record = await examine({ btfPath: btf, libbpfPath: libbpf, hooks, version });
			writeDoctor(record, { format: output, color: usesColor(noColor, context) }, stdout);
			return exitCode(record);
		},
	});
}

/** The tracer is loaded only when it is needed: other commands have no use for it. */
export const doctor = doctorOf(async (options) => {
	const { examine } = await import("../trace/doctor.ts");
	return examine(options);
});

function exitCode({ can_watch, error }: DoctorRecord): number {
	if (can_watch) return EXIT_DONE;
	return error?.code === "permission" ? EXIT_NOT_PERMITTED : EXIT_UNSUPPORTED;
}
