/** What a tracer does when nothing else is said, on the command line and in a script. */

export const DEFAULT_INTERVAL_MS = 1000;
/** Each takes kernel memory, and some time of every interval in which a connection is open. */
export const DEFAULT_MAX_CONNECTIONS = 65_536;
export const DEFAULT_MAX_FLOWS = 65_536;
/** As the kernel's conntrack has it: nf_conntrack_udp_timeout and nf_conntrack_udp_timeout_stream. */
export const DEFAULT_UDP_TIMEOUT_MS = 30_000;
export const DEFAULT_UDP_STREAM_TIMEOUT_MS = 120_000;
/** Of the ring buffer of events. */
export const DEFAULT_BUFFER_BYTES = 4 * 1024 * 1024;
/** Of the ring buffer, which is allocated whole: some 100,000 events. */
export const DEFAULT_RING_BYTES = 16 * 1024 * 1024;
/** One page: where no events are asked for. */
export const LEAST_BUFFER_BYTES = 4096;
