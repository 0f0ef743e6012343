/** Multipath TCP, which is built in, or not, and can be switched off. */

import { existsSync, readFileSync } from "node:fs";
import { listed } from "./listing.ts";
import { lacks } from "./root.ts";
import { until } from "./until.ts";

const SYSCTL = "/proc/sys/net/mptcp/enabled";
const isThere = existsSync(SYSCTL) && readFileSync(SYSCTL, "utf8").trim() === "1";

/** Debian builds it from 6.1 on. */
export const LACKS_MPTCP = lacks("MPTCP (sysctl net.mptcp.enabled)", isThere, "6.1");

/** Waits until a connection in a network namespace has a second subflow, which the kernel opens. */
export async function untilTwoSubflows(namespace: string): Promise<void> {
	const states = (): string[] =>
		listed("--netns", `/run/netns/${namespace}`).map(({ state }) => state);
	const areTwo = (): boolean => states().filter((state) => state === "ESTABLISHED").length === 2;
	await until("two established subflows", areTwo, { everyMs: 5, soFar: states });
}
