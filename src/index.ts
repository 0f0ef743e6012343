/**
 * conntracer as a library.
 *
 * ```ts
 * using tracer = FlowTracer.open({ aggregate: "service" });
 * for await (const batch of tracer.batches(AbortSignal.timeout(10_000))) console.log(batch.flows);
 * ```
 */
export {
	ConntracerError,
	DecodeError,
	LayoutError,
	LibbpfError,
	LibbpfMissingError,
	PermissionError,
	UnsupportedError,
	UsageError,
} from "./errors.ts";
export type { ConnectionRecord } from "./flow/connection.ts";
export { compileFilter, type FilterOptions, type FlowFilter } from "./flow/filter.ts";
export { processTotals } from "./flow/process-totals.ts";
export type * from "./flow/records.ts";
export { type ConnectionListOptions, listConnections } from "./trace/connection-list.ts";
export { EventTracer, type EventTracerOptions } from "./trace/event-tracer.ts";
export { FlowTracer, type FlowTracerOptions, type HookFamily } from "./trace/flow-tracer.ts";
