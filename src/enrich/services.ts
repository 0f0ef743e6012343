/** Names of well-known ports, as /etc/services has them. */

import type { Transport } from "../flow/records.ts";
import { ChangingFile, type ChangingFileOptions } from "./changing-file.ts";

/** (port, transport) → "https", or null. */
export function serviceLookup(
	path = "/etc/services",
	options: ChangingFileOptions = {},
): (port: number, transport: Transport) => string | null {
	const services = new ChangingFile(path, parseServices, options);
	return (port, transport) => services.value.get(`${port}/${transport}`) ?? null;
}

/** "443/tcp" → "https"; of two lines for one port the first counts. */
export function parseServices(text: string): Map<string, string> {
	const services = new Map<string, string>();
	for (const line of text.split("\n")) {
		const [name = "", end = ""] = (line.split("#")[0] ?? "").trim().split(/\s+/);
		const match = /^0*(\d{1,5})\/(tcp|udp)$/.exec(end.toLowerCase());
		if (match === null || name === "") continue;
		const key = `${match[1]}/${match[2]}`;
		if (!services.has(key)) services.set(key, name);
	}
	return services;
}
