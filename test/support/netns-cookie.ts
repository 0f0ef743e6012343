/** Numbers of network namespaces that are never given twice, where user space is told them. */

import { test } from "bun:test";
import { release } from "node:os";
import { kernelTest } from "./root.ts";

const SINCE = "5.14";
const [numbers = ""] = /^\d+\.\d+/.exec(release()) ?? [];
const isTold = Bun.semver.order(`${numbers}.0`, `${SINCE}.0`) >= 0;
if (!isTold)
	process.stderr.write(`kernel tests are skipped: SO_NETNS_COOKIE needs Linux ${SINCE}\n`);

/** A test that needs namespaces to be told apart that have the same inode number. */
export function cookieTest(name: string, body: () => Promise<void>): void {
	if (isTold) kernelTest(name, body);
	else test.skip(name, body);
}
