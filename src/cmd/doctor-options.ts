/** The options of `conntracer doctor`. */

import {
	fileOptions,
	formatOptions,
	hookOptions,
	otherOptions,
	tableOptions,
} from "./option-groups.ts";

const { output, json } = formatOptions;
const { hooks } = hookOptions;
const { verbose, config } = otherOptions;

export const doctorOptions = {
	...{ output, json, noColor: tableOptions.noColor },

	hooks,
	...fileOptions,

	verbose: { ...verbose, describe: "show where errors come from" },
	config,
};
