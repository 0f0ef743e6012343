/** What a table and CSV say of a translation. */

import type { Translation } from "../flow/records.ts";
import { endpoint } from "./column.ts";

/** Of a translation: JSON.stringify() asks for the names of what is inside, too. */
export const NAT_FIELDS = [
	"source_address",
	"source_port",
	"destination_address",
	"destination_port",
];

/** "10.0.0.1:40000->10.0.0.2:80": what the two ends are behind it; `*` where connections differ. */
export function natText(nat: Translation | null): string | null {
	if (nat === null) return null;
	const source = endpoint(nat.source_address ?? "*", nat.source_port);
	return `${source}->${endpoint(nat.destination_address ?? "*", nat.destination_port)}`;
}
