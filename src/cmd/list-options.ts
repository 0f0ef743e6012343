/** The options of `conntracer list`. */

import { flag, single } from "./option.ts";
import {
	fileOptions,
	filterOptions,
	formatOptions,
	hookOptions,
	OUTPUT,
	otherOptions,
	tableOptions,
	WHICH,
} from "./option-groups.ts";
import { parseText } from "./parse.ts";

const { noHeader, wide, noColor } = tableOptions;
const { hooks } = hookOptions;
const { verbose, config } = otherOptions;

export const listOptions = {
	...filterOptions,
	transport: { ...filterOptions.transport, describe: "tcp or udp alone" },
	listening: flag({ group: WHICH, describe: "sockets that wait for a peer, too" }),

	...formatOptions,
	sort: single({ group: OUTPUT, describe: "column to sort by" }, null, parseText),
	...{ noHeader, wide, noColor },

	// Iterators make the list; but the environment or the file may say this for all commands.
	hooks: { ...hooks, describe: "has no part in a list" },
	...fileOptions,

	verbose: { ...verbose, describe: "show where errors come from" },
	config,
};
