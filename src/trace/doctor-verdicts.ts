/** Whether each command can run on this machine, found by doing what it does at its start. */

import { ConntracerError } from "../errors.ts";
import type { CommandName, CommandVerdict, FeatureName, FeatureReport } from "../flow/doctor.ts";
import { tryList } from "./connection-list.ts";
import { EventTracer } from "./event-tracer.ts";
import { EVERY_EVENT_NAME } from "./event-types.ts";
import type { SessionOptions } from "./session-options.ts";

export interface Attempt<T> {
	readonly result: T | null;
	readonly error: ConntracerError | null;
}

export function expected<T>(attempt: () => T): Attempt<T> {
	try {
		return { result: attempt(), error: null };
	} catch (error) {
		if (error instanceof ConntracerError) return { result: null, error };
		throw error;
	}
}

export type Hooks = Readonly<Record<string, string>>;

/** @param watch what an attempt at `watch` gave, with the hooks that it had */
export function verdictsOf(
	{ btfPath, libbpfPath, hooks }: Pick<SessionOptions, "btfPath" | "libbpfPath" | "hooks">,
	features: readonly FeatureReport[],
	watch: Attempt<{ readonly hooks: Hooks }>,
): CommandVerdict[] {
	const traced = { btfPath, libbpfPath, hooks };
	const events = (showsOpen: boolean): Attempt<{ hooks: Hooks }> =>
		expected(() => {
			using tracer = EventTracer.open({ ...traced, events: EVERY_EVENT_NAME, showsOpen });
			return { hooks: tracer.ready.hooks };
		});
	const list = expected(() => {
		tryList({ btfPath, libbpfPath });
		return { hooks: {} };
	});
	return [
		verdict("watch", watch),
		verdict("top", watch),
		verdict("events", events(false)),
		verdict("list", list),
		besides("accounting", features, watch),
		besides("dns", features, watch),
		verdict("serve", events(true)),
	];
}

/** The feature that has no hook, and why; see Session. */
const NONE = "none: ";

function verdict(
	command: CommandName,
	{ result, error }: Attempt<{ hooks: Hooks }>,
): CommandVerdict {
	const missing = Object.values(result?.hooks ?? {}).filter((hook) => hook.startsWith(NONE));
	return {
		command,
		can_run: error === null,
		error: error && { code: error.code, message: error.message, hint: error.hint },
		does_without: [...new Set(missing.map((hook) => hook.slice(NONE.length)))],
	};
}

/** What asks something else than BPF, and a tracer beside it for the processes. */
function besides(
	command: CommandName & FeatureName,
	features: readonly FeatureReport[],
	watch: Attempt<unknown>,
): CommandVerdict {
	const feature = features.find((one) => one.feature === command);
	const last = feature?.ways.at(-1);
	const [canRun, reason] = [last?.available ?? null, last?.reason ?? "not known"];
	const code = canRun === null ? "permission" : "unsupported";
	return {
		command,
		can_run: canRun,
		error: canRun === true ? null : { code, message: reason, hint: feature?.remedy ?? null },
		does_without: watch.error === null ? [] : [`processes (${watch.error.message})`],
	};
}
