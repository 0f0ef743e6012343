/** The options of `conntracer doctor`. */

import { flag, single } from "./option.ts";
import {
	DURATION,
	fileOptions,
	formatOptions,
	hookOptions,
	otherOptions,
	TIME,
	tableOptions,
} from "./option-groups.ts";
import { parseDuration } from "./parse.ts";

const { output, json } = formatOptions;
const { hooks } = hookOptions;
const { verbose, config } = otherOptions;

export const doctorOptions = {
	...{ output, json, noColor: tableOptions.noColor },

	stats: flag({
		group: TIME,
		describe: "attach everything, and show what the programs do and cost",
	}),
	duration: single(
		{ group: TIME, short: "d", describe: "how long --stats looks", defaultText: "1s" },
		1000,
		parseDuration(DURATION),
	),

	hooks,
	...fileOptions,

	verbose: { ...verbose, describe: "show where errors come from" },
	config,
};
