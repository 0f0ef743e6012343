/** What the answers of the API are made of, as JSON Schema. */

const TEXT = { type: "string" } as const;
const COUNT = { type: "integer", minimum: 0 } as const;
const orNull = (type: string) => ({ type: [type, "null"] });

const object = (properties: Readonly<Record<string, unknown>>) => ({
	type: "object",
	required: Object.keys(properties),
	properties,
});

/** UDP has no segments. */
const COUNTERS = object({
	...{ bytes_sent: orNull("integer"), bytes_received: orNull("integer") },
	...{ segments_sent: orNull("integer"), segments_received: orNull("integer") },
	segments_retransmitted: orNull("integer"),
});

const SINCE_LAST = object({
	...{ connections_opened: COUNT, connections_failed: COUNT, connections_closed: COUNT },
	...COUNTERS.properties,
});

const CONNECTION = object({
	...{ id: TEXT, transport: TEXT, family: TEXT, direction: orNull("string"), state: TEXT },
	...{ local_address: TEXT, local_port: COUNT },
	...{ remote_address: orNull("string"), remote_port: orNull("integer") },
	...{ pid: orNull("integer"), tid: orNull("integer"), process: orNull("string") },
	...{ executable: orNull("string"), command_line: orNull("string"), uid: orNull("integer") },
	...{ netns: COUNT, cgroup_id: orNull("string"), container_id: orNull("string") },
	...{ attribution: orNull("string"), opened: orNull("string") },
	...{ preexisting: { type: "boolean" }, duration_ms: orNull("number") },
	...COUNTERS.properties,
	...{ rtt_us: orNull("integer"), rtt_var_us: orNull("integer"), rtt_min_us: orNull("integer") },
	...{ connect_latency_us: orNull("number"), nat: orNull("object") },
	...{ remote_name: orNull("string"), error: orNull("string"), close_reason: orNull("string") },
});

const CHANGED = object({
	...CONNECTION.properties,
	...{ is_open: { type: "boolean" }, connections: COUNT, since_last: SINCE_LAST },
});

const FLOW = object({
	...{ type: { const: "flow" }, time: TEXT, interval_ms: COUNT },
	...{ transport: TEXT, family: TEXT, direction: orNull("string") },
	...{ local_address: TEXT, remote_address: orNull("string"), listen_port: orNull("integer") },
	...{ local_port: orNull("integer"), remote_port: orNull("integer") },
	...{ process: orNull("string"), last_pid: orNull("integer"), uid: orNull("integer") },
	...{ netns: COUNT, cgroup_id: orNull("string"), container_id: orNull("string") },
	...{ connections_opened: COUNT, connections_failed: COUNT },
	...{ connections_closed: COUNT, connections_open: COUNT },
	...{ bytes_sent: orNull("integer"), bytes_received: orNull("integer") },
	segments_retransmitted: COUNT,
	...{ rtt_us: orNull("integer"), nat: orNull("object"), remote_name: orNull("string") },
});

const GAP = object({
	...{ type: { const: "gap" }, from: TEXT, to: TEXT, stage: TEXT },
	...{ count: COUNT, hint: orNull("string") },
});

const ERROR = object({ type: { const: "error" }, code: TEXT, message: TEXT, hint: TEXT });

const DNS_ROW = object({
	...{ netns: orNull("integer"), transport: orNull("string"), client_address: orNull("string") },
	...{ server_address: orNull("string"), server_port: orNull("integer") },
	...{ queries: COUNT, successes: COUNT, failures: { type: "object" }, timeouts: COUNT },
	latency: object({
		...{ count: COUNT, sum_us: { type: "number" } },
		...{ min_us: orNull("number"), max_us: orNull("number") },
		buckets: { type: "array", items: COUNT },
	}),
	...{ first: TEXT, last: TEXT },
});

const PROBES = object({
	programs: {
		type: "array",
		items: object({
			...{ name: TEXT, hook: TEXT, attached: { type: "boolean" }, runs: orNull("integer") },
			...{ run_time_ns: orNull("integer"), recursion_misses: orNull("integer") },
			kprobe_misses: orNull("integer"),
		}),
	},
	maps: {
		type: "array",
		items: object({ name: TEXT, type: TEXT, entries: orNull("integer"), max_entries: COUNT }),
	},
	...{ ring_buffer: orNull("object"), lost: { type: "object" } },
});

const LOST = object({ closed: COUNT, open: COUNT });

/** What each answer to a client begins and ends with. */
const told = (type: string, of: Readonly<Record<string, unknown>>) =>
	object({
		...{ type: { const: type }, time: TEXT, client_id: TEXT },
		...{ cursor: TEXT, is_new: { type: "boolean" }, interval_ms: orNull("integer") },
		...of,
		...{ lost: LOST, gaps: { type: "array", items: GAP } },
	});

export const SCHEMAS = {
	connections: told("connections", { connections: { type: "array", items: CHANGED } }),
	flows: told("flows", { flows: { type: "array", items: FLOW } }),
	debug_maps: object({
		...{ type: { const: "debug_maps" }, time: TEXT },
		connections: { type: "array", items: CONNECTION },
	}),
	debug_state: object({
		...{ type: { const: "debug_state" }, time: TEXT },
		clients: {
			type: "array",
			items: object({
				...{ client: TEXT, asked_ms_ago: COUNT, open: COUNT, gone: COUNT },
				...{ closed: COUNT, lost: LOST },
			}),
		},
	}),
	dns_statistics: object({
		...{ type: { const: "dns_statistics" }, time: TEXT, client_id: TEXT },
		...{ latency_bounds_s: { type: "array", items: { type: "number" } } },
		...{ is_new: { type: "boolean" }, cursor: TEXT },
		statistics: { type: "array", items: DNS_ROW },
	}),
	doctor: object({
		...{ type: { const: "doctor" }, time: TEXT, version: TEXT, kernel: TEXT },
		...{ architecture: TEXT, can_watch: { type: "boolean" }, error: orNull("object") },
		...{ capabilities: { type: "object" }, libbpf: orNull("string") },
		...{ features: { type: "array" }, tables: { type: "array" } },
	}),
	stats: object({
		...{ type: { const: "stats" }, time: TEXT, version: TEXT, kernel: TEXT },
		...{ hooks: { type: "object" }, uptime_ms: COUNT, clients: COUNT, readers: COUNT },
		...{
			resets: COUNT,
			probes: object({ tcp: PROBES, udp: { anyOf: [PROBES, { type: "null" }] } }),
		},
		...{ lost: { type: "object" }, cpu_ms: { type: "number" }, peak_memory_bytes: COUNT },
	}),
	health: object({ status: { const: "ok" } }),
	error: ERROR,
} as const;
