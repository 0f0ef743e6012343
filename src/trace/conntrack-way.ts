/** Which way the news of conntrack's flows comes: each is tried by taking it. */

import { LibbpfError, LibbpfMissingError, PermissionError, UnsupportedError } from "../errors.ts";
import { Libbpf } from "../ffi/library.ts";
import type { Answer } from "../flow/doctor.ts";
import { bundledLibraries } from "./assets.ts";
import { leastBufferBytes } from "./check-range.ts";
import { ConntrackHooks } from "./conntrack-hooks.ts";
import { ACCOUNTING, type Way } from "./features.ts";
import { chooseWay, refusal } from "./hook-choice.ts";
import { quickAnswer } from "./probe.ts";
import { answerOf } from "./probe-reasons.ts";
import type { SessionOptions } from "./session-options.ts";

const OPEN: Answer = { available: true, reason: null };

export type HookOptions = Pick<SessionOptions, "hooks" | "btfPath" | "libbpfPath">;

/**
 * Conntrack itself is there by then, as its functions and types are a module's.
 *
 * @param bufferBytes of the ring buffer
 * @returns null where ctnetlink has to tell
 * @throws UnsupportedError, PermissionError, where `hooks` asks for a family
 */
export function openConntrackHooks(
	options: HookOptions,
	bufferBytes: number,
): { readonly kind: Way["kind"]; readonly hooks: ConntrackHooks | null } {
	let opened: ConntrackHooks | null = null;
	const { way, tried } = chooseWay(ACCOUNTING, options.hooks, (way) => {
		if (way.kind === "ctnetlink") return OPEN;
		return attempt(way, options, (libbpf) => {
			const { btfPath } = options;
			opened = ConntrackHooks.open({ libbpf, way, bufferBytes, btfPath });
		});
	});
	if (way === null) throw refusal(options.hooks as Way["kind"], tried.at(-1));
	return { kind: way.kind, hooks: opened };
}

/** Attaches them, and takes them out again. */
export function tryConntrackHooks(way: Way, options: HookOptions): Answer {
	return attempt(way, options, (libbpf) => {
		const { btfPath } = options;
		const bufferBytes = leastBufferBytes();
		ConntrackHooks.open({ libbpf, way, bufferBytes, btfPath })[Symbol.dispose]();
	});
}

function attempt(way: Way, { libbpfPath }: HookOptions, open: (libbpf: Libbpf) => void): Answer {
	try {
		const libbpf = Libbpf.open(libbpfPath, bundledLibraries);
		const answer = quickAnswer(libbpf, way);
		if (answer === null) open(libbpf);
		return answer ?? OPEN;
	} catch (error) {
		if (error instanceof LibbpfError) return explained(error, way);
		if (!REFUSALS.some((kind) => error instanceof kind)) throw error;
		return { available: null, reason: (error as Error).message };
	}
}

/** libbpf poisons what it cannot relocate, and the verifier stumbles over that. */
function explained(error: LibbpfError, way: Way): Answer {
	if (!error.log.includes("CO-RE")) return answerOf(error, way);
	return { available: false, reason: "this kernel has no types of conntrack (BTF of modules)" };
}

const REFUSALS = [PermissionError, UnsupportedError, LibbpfMissingError] as const;
