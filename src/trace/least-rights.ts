/** Once a run is attached it gives up what it does not need any more: docs/adr/0013. */

import { CAPABILITIES, type Capability } from "../enrich/capabilities.ts";
import { otherThreads, threadStatus } from "../enrich/procfs.ts";
import { forbidNewPrivileges, mayUseBpf, setCapabilities } from "../ffi/libc.ts";
import { OtherThreads } from "../ffi/other-threads.ts";
import { keepOnly } from "./raised-rights.ts";

/** To look at processes of other users: their executables, their namespaces. */
const KEPT: readonly Capability[] = ["CAP_SYS_PTRACE"];
/** For the time of a visit to another network namespace, and of a question to conntrack. */
const RAISED: readonly Capability[] = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"];
/** Either lets an old kernel answer. */
const FOR_BPF: readonly Capability[] = ["CAP_BPF", "CAP_SYS_ADMIN"];

const MOST_LOOKS = 100;
const LOOK_MS = 1;

const maskOf = (names: readonly Capability[]): bigint =>
	names.reduce((mask, name) => mask | (1n << BigInt(CAPABILITIES[name])), 0n);

/**
 * Of the whole process, for good: for the program, not for those who use it as a library. Bun's own
 * threads give up everything, the calling one what it does not need.
 *
 * @param needed what is used further on
 */
export function giveUpRights(needed: readonly Capability[] = []): void {
	forbidNewPrivileges();
	const permitted = BigInt(`0x${threadStatus("CapPrm") ?? "0"}`);
	let kept = permitted & maskOf([...KEPT, ...needed]);
	setCapabilities(kept, permitted);
	if (!mayUseBpf()) kept |= permitted & maskOf(FOR_BPF);
	keepOnly({ effective: kept, permitted: kept | (permitted & maskOf(RAISED)) });
	if (permitted !== 0n) giveUpElsewhere();
}

/** Threads that a thread starts have what it has, so that some more may have come meanwhile. */
function giveUpElsewhere(): void {
	const threads = OtherThreads.open();
	if (threads === null) return;
	const asked = new Set<number>();
	for (let looks = 0; looks < MOST_LOOKS; looks++) {
		const able = otherThreads().filter(({ capPrm }) => BigInt(`0x${capPrm}`) !== 0n);
		if (able.length === 0) {
			threads.close();
			return;
		}
		// Not twice: the second signal could come after close().
		for (const { id } of able) if (!asked.has(id)) threads.ask(id);
		for (const { id } of able) asked.add(id);
		Bun.sleepSync(LOOK_MS);
	}
}
