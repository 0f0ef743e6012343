/**
 * Counts connections until there were so many, or so many seconds have passed, and says whether any
 * was missed: bun run examples/stop-after.ts 100 60
 */

import { EventTracer } from "conntracer";

const [most, seconds] = [Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 60)];
const enough = new AbortController();
const signal = AbortSignal.any([enough.signal, AbortSignal.timeout(seconds * 1000)]);

await using tracer = EventTracer.open({ events: ["connect"] });
console.error("tracing");

let count = 0;
for await (const { events } of tracer.batches(signal)) {
	count += events.length;
	if (count >= most) enough.abort();
}

const { seen, kernel, lost } = tracer.summary();
console.log(`${count} connections opened`);
console.log(`${seen?.active_opens} seen, ${kernel?.active_opens} counted by the kernel`);
console.log("lost:", JSON.stringify(lost));
