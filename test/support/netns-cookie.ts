/** Numbers of network namespaces that are never given twice, where user space is told them. */

import { test } from "bun:test";
import { netnsCookie } from "../../src/ffi/libc.ts";
import { kernelTest, lacks } from "./root.ts";

const LACKS_COOKIES = lacks("SO_NETNS_COOKIE", netnsCookie() !== 0n, "5.14");

/** A test that needs namespaces to be told apart that have the same inode number. */
export function cookieTest(name: string, body: () => Promise<void>): void {
	if (LACKS_COOKIES) test.skip(name, body);
	else kernelTest(name, body);
}
