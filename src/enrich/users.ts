/** Names of users, as /etc/passwd has them. */

import { readFileSync } from "node:fs";

/** Null where no local user has this name. */
export function uidOf(name: string): number | null {
	return parsePasswd(readFileSync("/etc/passwd", "utf8")).get(name) ?? null;
}

/** Name → uid; of two lines with one name the first counts. */
export function parsePasswd(text: string): Map<string, number> {
	const users = new Map<string, number>();
	for (const line of text.split("\n")) {
		const [name, , uid] = line.split(":");
		if (name === undefined || uid === undefined || !/^\d+$/.test(uid) || users.has(name)) continue;
		users.set(name, Number(uid));
	}
	return users;
}
