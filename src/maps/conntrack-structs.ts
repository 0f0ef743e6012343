/** The codecs of bpf/conntracer.h that are about conntrack; as structs.ts. */

import { bytes, id64, struct, u8, u16, u32, u64 } from "./codec.ts";

export const flowTuple = struct("flow_tuple", {
	source: bytes(16),
	destination: bytes(16),
	source_port: u16,
	destination_port: u16,
});

export const flowEvent = struct("flow_event", {
	entry: id64,
	time_ns: u64,
	started_ns: id64,
	packets_original: u64,
	bytes_original: u64,
	packets_reply: u64,
	bytes_reply: u64,
	original: flowTuple,
	reply: flowTuple,
	netns: u32,
	mark: u32,
	status: u32,
	zone: u16,
	l4_proto: u8,
	is_over: u8,
	is_counted: u8,
	pad: bytes(7),
});

export const flowEventLosses = struct("flow_event_losses", { dropped: u64 });
