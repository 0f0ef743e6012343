/** Multipath TCP, which is built in, or not, and can be switched off. */

import { existsSync, readFileSync } from "node:fs";
import { lacks } from "./root.ts";

const SYSCTL = "/proc/sys/net/mptcp/enabled";
const isThere = existsSync(SYSCTL) && readFileSync(SYSCTL, "utf8").trim() === "1";

/** Debian builds it from 6.1 on. */
export const LACKS_MPTCP = lacks("MPTCP (sysctl net.mptcp.enabled)", isThere, "6.1");
