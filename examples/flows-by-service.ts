/** What each service moves, once a second, until Ctrl-C: bun run examples/flows-by-service.ts */

import { FlowTracer } from "conntracer";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

await using tracer = FlowTracer.open({ aggregate: "service", intervalMs: 1000 });
console.error("tracing, Ctrl-C ends it");

for await (const { flows, gaps } of tracer.batches(stop.signal)) {
	for (const flow of flows) {
		const arrow = flow.direction === "passive" ? "<-" : "->";
		console.log(
			`${flow.local_address} ${arrow} ${flow.remote_address} port ${flow.listen_port}:`,
			`${flow.connections_opened} opened, ${flow.connections_open} open,`,
			`${flow.bytes_sent} bytes sent, ${flow.bytes_received} received`,
		);
	}
	for (const gap of gaps) console.error(`lost: ${gap.count} in ${gap.stage}; ${gap.hint}`);
}
