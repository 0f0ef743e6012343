/** What `conntracer list` says. */

import type { ConnectionRecord } from "../../src/flow/connection.ts";
import { runShell } from "./conntracer.ts";

type Words = readonly (string | number)[];

/** @throws where it fails, or has anything to say besides */
export function listed(...args: Words): ConnectionRecord[] {
	return listedBy("", ...args);
}

/** @param program what stands before the command, and becomes it */
export function listedBy(program: string, ...args: Words): ConnectionRecord[] {
	const run = runShell(`${program} "$CONNTRACER" list --json ${args.join(" ")}`);
	if (run.exitCode !== 0 || run.stderr !== "") throw new Error(`list: ${run.stderr}`);
	const lines = run.stdout.split("\n").filter((line) => line !== "");
	return lines.map((line) => JSON.parse(line));
}
