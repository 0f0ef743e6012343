/** The names that this machine has for what is in records. */

import { type CgroupNames, cgroupNames } from "../enrich/cgroups.ts";
import { missingProcesses } from "../enrich/pid-namespace.ts";
import { serviceLookup } from "../enrich/services.ts";
import { userLookup } from "../enrich/users.ts";
import type { LocalNames } from "../sink/local-names.ts";
import type { Context } from "./command.ts";

export type HostNames = CgroupNames & LocalNames;

export const hostNames = (): HostNames => ({
	...cgroupNames(),
	userOf: userLookup(),
	serviceOf: serviceLookup(),
});

/** One line on standard error where some processes cannot be told by their pids. */
export function warnOfProcesses({ stderr }: Pick<Context, "stderr">): void {
	const missing = missingProcesses();
	if (missing !== null) stderr.write(`conntracer: ${missing}\n`);
}
