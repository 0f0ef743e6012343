/** Who fails to connect, where and why, until Ctrl-C: bun run examples/failures.ts 10.0.0.0/8 */

import { compileFilter, EventTracer } from "conntracer";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const filter = compileFilter({ remote: process.argv.slice(2) });
await using tracer = EventTracer.open({ events: ["connect_failed"], filter });
console.error("tracing, Ctrl-C ends it");

const counts = new Map<string, number>();
for await (const { events } of tracer.batches(stop.signal))
	for (const { process, remote_address, remote_port, error } of events) {
		const what = `${process} to ${remote_address} port ${remote_port}: ${error}`;
		counts.set(what, (counts.get(what) ?? 0) + 1);
	}
for (const [what, count] of counts) console.log(`${count} times ${what}`);
