/** Calls back every so many milliseconds, until Ctrl-C: bun run examples/callback.ts 3000 */

import { type FlowBatch, FlowTracer } from "conntracer";

const COLUMNS = ["LADDR", "RADDR", "LPORT", "PID", "COMM", "CONNECTIONS"];
const row = (cells: readonly unknown[]): string => cells.map((c) => String(c).padEnd(16)).join("");

const print = ({ flows }: FlowBatch): void => {
	for (const flow of flows) {
		const ends = [flow.local_address, flow.remote_address, flow.listen_port];
		if (flow.connections_opened > 0)
			console.log(row([...ends, flow.last_pid, flow.process, flow.connections_opened]));
	}
};

using tracer = FlowTracer.open();
process.once("SIGINT", () => tracer.stop());
console.error("tracing, Ctrl-C ends it");
console.log(row(COLUMNS));
await tracer.start(print, Number(process.argv[2] ?? 3000));
print(tracer.dumpFlows());
