/** `conntracer list --json`, as its users run it. */

import { expect } from "bun:test";
import type { ConnectionRecord } from "../../src/flow/connection.ts";
import { runShell } from "./conntracer.ts";

export function list(...args: string[]): ConnectionRecord[] {
	const { stdout, stderr, exitCode } = runShell(`"$CONNTRACER" list --json ${args.join(" ")}`);
	expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
	const lines = stdout.split("\n").filter((line) => line !== "");
	return lines.map((line) => JSON.parse(line));
}
