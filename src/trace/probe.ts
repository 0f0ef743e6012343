/** Finds out by trying whether this kernel has a hook: never by its version. */

import { closeSync, openSync } from "node:fs";
import { cgroup2MountPoint } from "../enrich/cgroups.ts";
import { mounts } from "../enrich/procfs.ts";
import { hasKprobeEvents } from "../enrich/sysfs.ts";
import { LibbpfError } from "../errors.ts";
import type { Libbpf } from "../ffi/library.ts";
import { type LoadedObject, OpenObject } from "../ffi/object.ts";
import { refusesTrampolines } from "../ffi/trampolines.ts";
import type { Answer } from "../flow/doctor.ts";
import { probeObject } from "./assets.ts";
import { FEATURES, type Way } from "./features.ts";
import { answerOf, noKprobes, refused } from "./probe-reasons.ts";
import { besidesTypes, openOptions } from "./refusal.ts";

const U32_SIZE = 4;
const U64_SIZE = 8;
const YES: Answer = { available: true, reason: null };

/** In the object: fexit/udp_sendmsg is fexit__udp_sendmsg. */
const programOf = (hook: string): string => hook.replace("/", "__");

const PROGRAMS: ReadonlySet<string> = new Set(
	FEATURES.flatMap(({ ways }) => ways.flatMap(({ hooks }) => hooks.map(programOf))),
);

/** What is certain stays so as long as the kernel runs. */
const certain = new Map<string, Answer>();

/**
 * Loads and attaches a program that does nothing to each hook of the way, and takes them out again.
 * Some 10 ms the first time, most of which libbpf needs to read the kernel's types.
 *
 * @param later takes them out, where a hook will be used: the last program of a function waits for
 * all CPUs and tasks when it goes, which is most of the time of a probe; one of several does not
 * @throws UsageError, UnsupportedError where the file of --btf is to blame
 */
export function tryWay(
	libbpf: Libbpf,
	way: Way,
	btfPath: string | null,
	later: DisposableStack | null = null,
): Answer {
	const key = way.hooks.join(" ");
	const known = certain.get(key);
	if (known !== undefined) return known;
	if (way.kind === "cgroup" && cgroupRoot() === null)
		return { available: false, reason: "cgroup v2 is not mounted" };
	const answer = quickAnswer(libbpf, way) ?? attempt(libbpf, way, btfPath, later);
	if (answer.available !== null) certain.set(key, answer);
	return answer;
}

/** Without loading anything; null where that does not tell. */
export function quickAnswer(libbpf: Libbpf, way: Way): Answer | null {
	if (way.kind === "fentry" && refusesTrampolines(libbpf)) return refused(way);
	return way.kind === "kprobe" && !hasKprobeEvents() ? noKprobes() : null;
}

function attempt(
	libbpf: Libbpf,
	way: Way,
	btfPath: string | null,
	later: DisposableStack | null,
): Answer {
	try {
		using open = OpenObject.open(libbpf, probeObject(), openOptions("ct_probe", btfPath));
		const wanted = new Set(way.hooks.map(programOf));
		for (const name of PROGRAMS) if (!wanted.has(name)) open.leaveOut(name);
		const attached = open.load((loaded) => attachAll(loaded, way));
		if (later === null) attached.dispose();
		else later.use(attached);
		return YES;
	} catch (error) {
		if (!(error instanceof LibbpfError)) throw error;
		const because = btfPath === null ? error : besidesTypes(error, btfPath);
		if (because !== error) throw because;
		return answerOf(error, way);
	}
}

function attachAll(loaded: LoadedObject, way: Way): DisposableStack {
	using owned = new DisposableStack();
	owned.use(loaded);
	for (const hook of way.hooks) {
		const program = loaded.program(programOf(hook));
		if (hook.startsWith("iter/")) {
			const isOverMap = hook === "iter/bpf_map_elem";
			const walked = isOverMap ? loaded.map("walked", U32_SIZE, U64_SIZE) : null;
			owned.use(program.iterator(walked));
		} else if (hook.startsWith("syscall/")) {
			program.run();
		} else if (hook.startsWith("cgroup/")) {
			const directory = openSync(cgroupRoot() ?? "/", "r");
			owned.defer(() => closeSync(directory));
			owned.use(program.attachToCgroup(directory));
		} else {
			owned.use(program.attach());
		}
	}
	return owned.move();
}

function cgroupRoot(): string | null {
	return cgroup2MountPoint(mounts());
}
