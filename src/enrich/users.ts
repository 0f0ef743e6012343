/** Names of users, as /etc/passwd has them. */

import { readFileSync } from "node:fs";
import { ChangingFile, type ChangingFileOptions } from "./changing-file.ts";

const PASSWD = "/etc/passwd";

/** Null where no local user has this name. */
export function uidOf(name: string): number | null {
	return parsePasswd(readFileSync(PASSWD, "utf8")).get(name) ?? null;
}

/** uid → name, or null. */
export function userLookup(
	path = PASSWD,
	options: ChangingFileOptions = {},
): (uid: number) => string | null {
	const names = new ChangingFile(path, namesByUid, options);
	return (uid) => names.value.get(uid) ?? null;
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

/** Of two names for one uid the first counts. */
function namesByUid(text: string): Map<number, string> {
	const names = new Map<number, string>();
	for (const [name, uid] of parsePasswd(text)) if (!names.has(uid)) names.set(uid, name);
	return names;
}
