/** What conntrack lets us know on this machine, found by asking it. */

import { heldCapabilities } from "../enrich/capabilities.ts";
import { sysctl } from "../enrich/procfs.ts";
import { ConntracerError } from "../errors.ts";
import type { Answer, FeatureName, FeatureReport } from "../flow/doctor.ts";
import { ConntrackTable } from "./conntrack-table.ts";

/** Null where it is not loaded. */
export const CONNTRACK_COUNT = "net.netfilter.nf_conntrack_count";

const YES: Answer = { available: true, reason: null };
const REMEDY = "load it: modprobe nf_conntrack_netlink";

export function conntrackFeatures(): FeatureReport[] {
	const isLoaded = sysctl(CONNTRACK_COUNT) !== null;
	const answer = isLoaded ? ask() : null;
	const unasked = { available: null, reason: "conntrack is not loaded, and asking would load it" };
	return [
		// Nothing is translated where it is not loaded.
		report("nat", answer ?? mayAsk() ?? YES),
		report("accounting", answer ?? mayAsk() ?? unasked),
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
		using conntrack = ConntrackTable.open();
		conntrack.find([NOBODY], () => {});
		return YES;
	} catch (error) {
		if (!(error instanceof ConntracerError)) throw error;
		return { available: false, reason: error.message };
	}
}

/** A flow that there is not. */
const NOBODY = {
	source: new Uint8Array(16),
	destination: new Uint8Array(16),
	...{ sourcePort: 0, destinationPort: 0, protocol: 6 },
};

function report(feature: FeatureName, answer: Answer): FeatureReport {
	const isThere = answer.available === true;
	return {
		feature,
		hook: isThere ? "ctnetlink" : null,
		less_exact: null,
		remedy: answer.available === false ? REMEDY : null,
		ways: [{ hook: "ctnetlink", ...answer }],
	};
}
