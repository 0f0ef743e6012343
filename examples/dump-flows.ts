/** The flows since the last time, for each line of standard input: bun run examples/dump-flows.ts */

import { FlowTracer } from "conntracer";

await using tracer = FlowTracer.open();
console.error("tracing, Enter shows what was new");

for await (const _ of console) {
	const { flows, interval_ms } = tracer.dumpFlows();
	const active = flows.filter((flow) => flow.connections_opened > 0 || flow.bytes_sent !== 0);
	console.log(`${active.length} flows in ${interval_ms} ms`);
	for (const flow of active)
		console.log(
			`  ${flow.process} ${flow.direction} ${flow.remote_address}`,
			flow.connections_opened,
		);
}
