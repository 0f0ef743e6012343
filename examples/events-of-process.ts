/** All that happens to the connections of one program: bun run examples/events-of-process.ts curl */

import { compileFilter, EventTracer } from "conntracer";

const name = process.argv[2] ?? "curl";
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

await using tracer = EventTracer.open({ filter: compileFilter({ processes: [name] }) });
console.error(`tracing ${name}, Ctrl-C ends it`);

for await (const { events } of tracer.batches(stop.signal))
	for (const event of events) {
		const peer = `${event.remote_address} port ${event.remote_port}`;
		const moved = `${event.bytes_sent} bytes sent, ${event.bytes_received} received`;
		console.log(event.time, event.event, `pid ${event.pid}`, peer, event.error ?? moved);
	}
