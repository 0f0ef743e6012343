/** What `conntracer list` says. */

import type { ConnectionRecord } from "../../src/flow/connection.ts";
import { runShell } from "./conntracer.ts";

/** @throws where it fails, or has anything to say besides */
export function listed(...args: readonly (string | number)[]): ConnectionRecord[] {
	const run = runShell(`"$CONNTRACER" list --json ${args.join(" ")}`);
	if (run.exitCode !== 0 || run.stderr !== "") throw new Error(`list: ${run.stderr}`);
	const lines = run.stdout.split("\n").filter((line) => line !== "");
	return lines.map((line) => JSON.parse(line));
}
