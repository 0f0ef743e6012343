/** What conntrack lets us know on this machine, found by asking it. */

import { heldCapabilities } from "../enrich/capabilities.ts";
import { sysctl } from "../enrich/procfs.ts";
import { ConntracerError } from "../errors.ts";
import type { Answer, FeatureReport } from "../flow/doctor.ts";
import { ConntrackTable } from "./conntrack-table.ts";
import { type HookOptions, tryConntrackHooks } from "./conntrack-way.ts";
import { ACCOUNTING, type Way } from "./features.ts";
import { reportFeature } from "./hook-choice.ts";

/** Null where it is not loaded. */
export const CONNTRACK_COUNT = "net.netfilter.nf_conntrack_count";

const YES: Answer = { available: true, reason: null };

export function conntrackFeatures(options: HookOptions): FeatureReport[] {
	const isLoaded = sysctl(CONNTRACK_COUNT) !== null;
	const answer = isLoaded ? ask() : null;
	const unasked = { available: null, reason: "conntrack is not loaded, and asking would load it" };
	const askedFor = (way: Way): Answer => {
		if (way.kind === "ctnetlink" || !isLoaded) return answer ?? mayAsk() ?? unasked;
		return tryConntrackHooks(way, options);
	};
	return [
		// Nothing is translated where it is not loaded.
		reportNat(answer ?? mayAsk() ?? YES),
		reportFeature(ACCOUNTING, options.hooks, askedFor),
	];
}

/** Null where it may. */
function mayAsk(): Answer | null {
	if (heldCapabilities().has("CAP_NET_ADMIN")) return null;
	return { available: null, reason: "not permitted without CAP_NET_ADMIN" };
}

function ask(): Answer {
	const refusal = mayAsk();
	if (refusal !== null) return refusal;
	try {
		requireConntrack();
		return YES;
	} catch (error) {
		if (!(error instanceof ConntracerError)) throw error;
		return { available: false, reason: error.message };
	}
}

/**
 * Has the kernel load it, if it is a module.
 *
 * @throws PermissionError, UnsupportedError, LibbpfError
 */
export function requireConntrack(): void {
	using table = ConntrackTable.open();
	table.find(0, [NO_FLOW], () => {});
}

/** That there is not. */
const NO_FLOW = {
	source: new Uint8Array(16),
	destination: new Uint8Array(16),
	...{ sourcePort: 0, destinationPort: 0, protocol: 6 },
};

function reportNat(answer: Answer): FeatureReport {
	const isThere = answer.available === true;
	return {
		feature: "nat",
		hook: isThere ? "ctnetlink" : null,
		less_exact: null,
		remedy: answer.available === false ? ACCOUNTING.remedy : null,
		ways: [{ hook: "ctnetlink", ...answer }],
	};
}
