/** The version: package.json is the only place that states it. */

import { version } from "../package.json" with { type: "json" };

export const VERSION: string = version;
