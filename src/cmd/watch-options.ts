/** The options of `conntracer watch`. */

import { DEFAULT_INTERVAL_MS } from "../flow/defaults.ts";
import { flowOptions } from "./flow-options.ts";
import { choice, flag } from "./option.ts";
import { WHICH } from "./option-groups.ts";

export const watchOptions = {
	...flowOptions(DEFAULT_INTERVAL_MS),
	failed: flag({ group: WHICH, describe: "only flows with failed connections" }),
	aggregate: choice(
		{
			group: WHICH,
			describe: "one row for each service, process or connection",
			defaultText: "process",
		},
		["process", "service", "connection"],
		"process",
	),
};
