/** The options of `conntracer serve`. */

import { LOG_FORMATS } from "../sink/log.ts";
import { eventsOptions } from "./events-options.ts";
import { choice, InvalidValue, single } from "./option.ts";
import {
	durationOption,
	fileOptions,
	filterOptions,
	hookOptions,
	OUTPUT,
	otherOptions,
} from "./option-groups.ts";
import { parseFile, parseInteger, parseText } from "./parse.ts";

const API = "API";
const PORT = { least: 0, most: 65_535 };
const CLIENTS = { least: 1, most: 10_000 };
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|localhost)$/;
const EXAMPLE = "write 127.0.0.1:8080, [::1]:8080, or a port alone";

export const serveOptions = {
	socket: single(
		{ group: API, describe: "Unix socket", defaultText: "/run/conntracer/api.sock" },
		"/run/conntracer/api.sock",
		parseText,
	),
	listen: single(
		{ group: API, describe: "address of loopback as well: 127.0.0.1:8080; takes --token-file" },
		null,
		parseLoopback,
	),
	tokenFile: single(
		{ group: API, describe: "file with what clients on loopback have to know" },
		null,
		parseFile,
	),
	maxClients: single(
		{ group: API, describe: "clients at one time", defaultText: "64" },
		64,
		parseInteger(CLIENTS),
	),

	logFormat: choice(
		{ group: OUTPUT, describe: "log lines: text, logfmt or json", defaultText: "text" },
		LOG_FORMATS,
		"text",
	),

	...durationOption,
	...filterOptions,
	events: eventsOptions.events,

	...hookOptions,
	buffer: eventsOptions.buffer,
	...fileOptions,

	verbose: otherOptions.verbose,
	config: otherOptions.config,
};

function parseLoopback(text: string): { hostname: string; port: number } {
	const colon = text.lastIndexOf(":");
	const host = colon < 0 ? "127.0.0.1" : text.slice(0, colon);
	const port = parseInteger(PORT)(text.slice(colon + 1));
	if (!LOOPBACK.test(host)) throw new InvalidValue(text, "is not an address of loopback", EXAMPLE);
	return { hostname: host.replace(/^\[|\]$/g, ""), port };
}
