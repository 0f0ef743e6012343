/** The options of `conntracer top`. */

import { flowOptions } from "./flow-options.ts";
import { choice } from "./option.ts";
import { WHICH } from "./option-groups.ts";

const INTERVAL_MS = 2000;

export const topOptions = {
	...flowOptions(INTERVAL_MS),
	by: choice(
		{ group: WHICH, describe: "one row for each process or connection", defaultText: "process" },
		["process", "connection"],
		"process",
	),
};
