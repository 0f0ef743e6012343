/** The names that this machine has for what is in records. */

import { type CgroupNames, cgroupNames } from "../enrich/cgroups.ts";
import { serviceLookup } from "../enrich/services.ts";
import { userLookup } from "../enrich/users.ts";
import type { LocalNames } from "../sink/local-names.ts";

export type HostNames = CgroupNames & LocalNames;

export const hostNames = (): HostNames => ({
	...cgroupNames(),
	userOf: userLookup(),
	serviceOf: serviceLookup(),
});
