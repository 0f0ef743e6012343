/**
 * conntracer as a library, for Bun on Linux, as root. What is open now is a list; what happens from
 * now on comes from a tracer: of flows, added up in the kernel, of single events, or of the flows
 * that conntrack follows.
 *
 * ```ts
 * import { EventTracer, FlowTracer, listConnections } from "conntracer";
 *
 * for (const connection of listConnections()) console.log(connection.process, connection.state);
 *
 * await using tracer = FlowTracer.open({ aggregate: "service" });
 * for await (const batch of tracer.batches(AbortSignal.timeout(10_000))) console.log(batch.flows);
 * ```
 *
 * Calls are synchronous and take the thread: some 100 ms to open a tracer, less than that to read.
 * Records are those of the command line's JSON, field by field.
 *
 * @packageDocumentation
 */
export {
	ConntracerError,
	DecodeError,
	type ErrorCode,
	LayoutError,
	LibbpfError,
	LibbpfMissingError,
	PermissionError,
	UnsupportedError,
	UsageError,
} from "./errors.ts";
export {
	type AccountingConsumer,
	AccountingConsumers,
	type ConsumerOptions,
	type ConsumerStats,
} from "./flow/accounting-consumers.ts";
export {
	type AccountingFilter,
	type AccountingFilterOptions,
	compileAccountingFilter,
} from "./flow/accounting-filter.ts";
export type {
	ChangedConnection,
	ClientAnswer,
	ClientLosses,
	ClientOptions,
	ClientState,
	ConnectionChange,
	CountedConnection,
} from "./flow/client-answers.ts";
export type { ConnectionRecord, Holder } from "./flow/connection.ts";
export type { ConnectionCounters } from "./flow/connection-counters.ts";
export type * from "./flow/dns-records.ts";
export {
	DNS_LATENCY_BOUNDS_S,
	type DnsLatencies,
	DnsStatistics,
	type DnsStatisticsAnswer,
	type DnsStatisticsOptions,
	type DnsStatisticsRow,
} from "./flow/dns-statistics.ts";
export {
	compileFilter,
	type FilterOptions,
	type FilterSubject,
	type FlowFilter,
} from "./flow/filter.ts";
export type * from "./flow/probe-stats.ts";
export { processTotals } from "./flow/process-totals.ts";
export type * from "./flow/records.ts";
export { AccountingTracer, type AccountingTracerOptions } from "./trace/accounting-tracer.ts";
export type * from "./trace/client-records.ts";
export { ClientTracer, type ClientTracerOptions } from "./trace/client-tracer.ts";
export { type ConnectionListOptions, listConnections } from "./trace/connection-list.ts";
export { DnsTracer, type DnsTracerOptions } from "./trace/dns-tracer.ts";
export { EventTracer, type EventTracerOptions } from "./trace/event-tracer.ts";
export { FlowTracer, type FlowTracerOptions } from "./trace/flow-tracer.ts";
export { NameTracer, type NameTracerOptions } from "./trace/name-tracer.ts";
export type { HookFamily, SessionOptions } from "./trace/session-options.ts";
