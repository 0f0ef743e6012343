/** What was fetched is kept outside of the tree. */

import { homedir } from "node:os";
import { join } from "node:path";

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "conntracer");

export function cacheDirectory(name: string): string {
	return join(CACHE, name);
}
