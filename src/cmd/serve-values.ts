/** What `serve` makes of its options, at the start and when they are read again. */

import { readFileSync, statSync } from "node:fs";
import { UsageError } from "../errors.ts";
import type { Loopback } from "../serve/listeners.ts";
import type { Values } from "./option.ts";
import type { serveOptions } from "./serve-options.ts";

export type ServeValues = Values<typeof serveOptions>;

/** At least: nobody guesses it. */
const TOKEN_LENGTH = 16;
const OF_OTHERS = 0o077;

/** Null where it is not asked for. Its token is what the file says now. */
export function loopbackOf({ listen, tokenFile }: ServeValues): Loopback | null {
	if (listen === null) return null;
	if (tokenFile === null)
		throw new UsageError(
			"--listen: every user of this machine can reach it, so it takes a token",
			"--token-file FILE, with something that nobody can guess in it",
		);
	return { ...listen, token: tokenIn(tokenFile) };
}

/** UDP alone is not served. */
export function transportOf({ transport }: ServeValues): "tcp" | null {
	if (transport !== "udp") return transport;
	throw new UsageError(
		"--transport udp: what is served is of TCP, and of UDP besides",
		"leave it out, and filter what comes",
	);
}

function tokenIn(path: string): string {
	const name = `--token-file ${JSON.stringify(path)}`;
	if ((statSync(path).mode & OF_OTHERS) !== 0)
		throw new UsageError(`${name}: others may read it`, `chmod 600 ${path}`);
	const token = readFileSync(path, "utf8").trim();
	if (token.length >= TOKEN_LENGTH) return token;
	const hint = "head -c 24 /dev/urandom | base64 > FILE";
	throw new UsageError(`${name} has less than ${TOKEN_LENGTH} characters`, hint);
}
