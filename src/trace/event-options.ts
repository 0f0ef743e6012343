/** What a tracer of events can be told. */

import { DEFAULT_MAX_CONNECTIONS, DEFAULT_RING_BYTES } from "../flow/defaults.ts";
import type { FlowFilter } from "../flow/filter.ts";
import type { EventName } from "../flow/records.ts";
import { VERSION } from "../version.ts";
import type { SessionOptions } from "./session-options.ts";
import type { DnsOption } from "./used-names.ts";

/** What a tracer of events can be told. */
export interface EventTracerOptions extends SessionOptions {
	/** Those that are wanted; the others cost nothing. Default: the first four of EventName. */
	readonly events: readonly EventName[];
	/** Of compileFilter(). Default null: everything is shown. */
	readonly filter: FlowFilter | null;
	/** Of the ring buffer: a power of two, and at least a page. Default 16 MiB. */
	readonly bufferBytes: number;
	/** connections() will be asked for. Default false. */
	readonly showsOpen: boolean;
	/** Names of remote addresses are learned from DNS meanwhile, for `remote_name`; by a tracer that is open already, or one of its own. Default null: they are not. */
	readonly dns?: DnsOption;
}

/** But for `containerOf`, which looks at this machine. */
export const DEFAULTS: Omit<EventTracerOptions, "containerOf"> = {
	events: ["connect", "connect_failed", "accept", "close"],
	filter: null,
	maxConnections: DEFAULT_MAX_CONNECTIONS,
	bufferBytes: DEFAULT_RING_BYTES,
	showsOpen: false,
	dns: null,
	btfPath: null,
	libbpfPath: null,
	hooks: "auto",
	bpfStats: false,
	version: VERSION,
};
