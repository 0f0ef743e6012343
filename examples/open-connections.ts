/** What is open now, as JSON lines: bun run examples/open-connections.ts [--listening] */

import { listConnections } from "conntracer";

const listening = process.argv.includes("--listening");

for (const connection of listConnections({ listening })) console.log(JSON.stringify(connection));
