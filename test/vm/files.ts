/** Which tests are run in guests. */

import { resolve } from "node:path";
import { Glob } from "bun";

const ROOT = resolve(import.meta.dir, "../..");
/** Those that need a kernel. */
const FILES = new Glob("test/{ffi,kernel,trace}/**/*.test.ts");

const paths = (...names: readonly string[]): ReadonlySet<string> =>
	new Set(names.map((name) => `test/${name}.test.ts`));

/** About user space: options, ends of processes, text, who calls what; or with more than a guest can do. Not run. */
const OF_USER_SPACE = paths(
	...[
		"ffi/log",
		"kernel/ends",
		"kernel/hostile",
		"kernel/prometheus",
		"kernel/serve-log",
		"kernel/serve-reload",
		"kernel/service-unit",
		"kernel/system-calls",
		"kernel/top",
	],
	...["kernel/very-many", "trace/ends", "trace/flow-tracer", "trace/hook-choice"],
	...["trace/polling", "trace/probe-reasons", "trace/service-manager"],
);

/** In which no hook has a part that is another one in another family. */
const WITH_ANY_FAMILY = paths(
	...[
		"ffi/libbpf",
		"kernel/accounting-sysctl",
		"kernel/bare-root",
		"kernel/dns",
		"kernel/dns-large",
		"kernel/executables",
		"kernel/families",
		"kernel/kernel-types",
		"kernel/nat",
		"kernel/service-systemd",
		"kernel/switches",
	],
	...["kernel/list", "kernel/list-mptcp", "kernel/list-udp", "kernel/wanted", "trace/interruption"],
);

export function allFiles(): string[] {
	return [...FILES.scanSync(ROOT)].filter((file) => !OF_USER_SPACE.has(file)).sort();
}

/** Those with one of these in their path; without any: all. */
export function selectFiles(filters: readonly string[]): string[] {
	const isWanted = (file: string): boolean => filters.some((filter) => file.includes(filter));
	return allFiles().filter((file) => filters.length === 0 || isWanted(file));
}

/** What one family, or the first of several, is enough for is left out of the others. */
export function filesFor(files: readonly string[], isFirstFamily: boolean): readonly string[] {
	return files.filter((file) => isFirstFamily || !WITH_ANY_FAMILY.has(file));
}
