/** The family of hooks that the tests run with. */

import type { DoctorRecord, FeatureName, HookKind } from "../../src/flow/doctor.ts";
import { runShell } from "./conntracer.ts";
import { IN_GUEST } from "./guest.ts";

/** What all that the tests start is told by its environment. */
export const HOOKS = process.env["CONNTRACER_HOOKS"] ?? "auto";

let known: DoctorRecord["features"] | null = null;

/** What `doctor` has found, whatever the family. */
export function featuresHere(): DoctorRecord["features"] {
	if (known !== null) return known;
	const { stdout, stderr } = runShell('"$CONNTRACER" doctor --json --hooks auto');
	if (stdout === "") throw new Error(`doctor: ${stderr}`);
	const record: DoctorRecord = JSON.parse(stdout);
	known = record.features;
	return known;
}

/** How who accepted is known, where it is known: by its call, or from what it holds or closes. */
export function acceptedBy(): "task" | "scan" {
	return seesAccept() ? "task" : "scan";
}

/** Whether the hooks of a feature that has several ways are at functions, which see more than tracepoints. */
function isAtFunctions(name: FeatureName): boolean {
	if (HOOKS !== "auto") return HOOKS !== "tracepoint";
	const hook: HookKind | null | undefined = featuresHere().find(
		({ feature }) => feature === name,
	)?.hook;
	return hook === "fentry" || hook === "kprobe";
}

/** Whether a hook sees accept(). */
export function seesAccept(): boolean {
	return isAtFunctions("accept");
}

/** Whether hooks see the peer of each datagram, as it is on the wire; they need no cgroups then. */
export function seesPeers(): boolean {
	return isAtFunctions("udp");
}

/** Whether hooks tell of conntrack's flows that begin and end. */
export function seesFlows(): boolean {
	return isAtFunctions("accounting");
}

const FAMILIES = ["tracepoint", "fentry", "kprobe"] as const;

/** Those that this kernel has; the kernels of the guests have all. */
export function familiesHere(): readonly string[] {
	if (IN_GUEST) return FAMILIES;
	const ways = featuresHere().find(({ feature }) => feature === "accept")?.ways ?? [];
	return FAMILIES.filter((family) =>
		ways.some(({ hook, available }) => hook === family && available === true),
	);
}
