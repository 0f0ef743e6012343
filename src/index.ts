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
export { compileFilter, type FilterOptions, type FlowFilter } from "./flow/filter.ts";
export type * from "./flow/records.ts";
export { FlowTracer, type FlowTracerOptions, type HookFamily } from "./trace/flow-tracer.ts";
