/** The codecs of bpf/conntracer.h, field by field. Units and meaning stand there. */

import { array, bytes, id64, struct, u8, u16, u32, u64 } from "./codec.ts";
import { FILTER_BOUND } from "./enums.ts";

export const flowKey = struct("flow_key", {
	cgroup_id: id64,
	netns: u32,
	pid: u32,
	uid: u32,
	cgroup_v1: u32,
	local_port: u16,
	remote_port: u16,
	l4_proto: u8,
	direction: u8,
	pad: bytes(2),
	comm: bytes(16),
	local_address: bytes(16),
	remote_address: bytes(16),
});

export const flow = struct("flow", {
	adopted: u64,
	opened: u64,
	failed: u64,
	closed: u64,
	bytes_sent: u64,
	bytes_received: u64,
	segments_retransmitted: u64,
	rtt_sum_us: u64,
	rtt_samples: u64,
	references: u64,
	uncounted: u64,
	key: flowKey,
	last_pid: u32,
	last_uid: u32,
	state: u32,
	last_started: u32,
});

export const owner = struct("owner", {
	cgroup_id: id64,
	pid: u32,
	tid: u32,
	uid: u32,
	attribution: u32,
	image: u32,
	started: u32,
	cgroup_v1: u32,
	pad: u32,
	comm: bytes(16),
});

export const listeningPort = struct("listening_port", {
	netns: u32,
	port: u16,
	pad: u16,
});

export const fold = struct("fold", {
	added: array(id64, 3),
	intended: array(id64, 3),
});

export const conn = struct("conn", {
	seen_write_seq: u32,
	seen_copied_seq: u32,
	seen_segs_out: u32,
	doubted_at: u32,
	phase: u8,
	idle_looks: u8,
	direction: u8,
	close_reason: u8,
	slot: u32,
	opened_ns: id64,
	established_ns: id64,
	id: id64,
	folded: array(id64, 3),
	owner,
	netns: u32,
	sent_base: u32,
	received_base: u32,
	seen_retransmitted: u32,
	error: u32,
	data_segments_at_close: u32,
	l4_proto: u8,
	is_uncounted: u8,
	pad: bytes(6),
});

export const shared = struct("shared", {
	is_preemptible: u32,
	keeps_awake: u32,
	is_awake_full: u32,
	walked: u32,
	shown_mask: u32,
	shown_part: u32,
	shown_rows: u32,
	is_shown_full: u32,
	endings: u32,
	netns: u32,
	listens: u32,
	stale_listeners: u32,
});

export const udpKey = struct("udp_key", {
	cookie: id64,
	pid: u32,
	remote_port: u16,
	pad: u16,
	remote_address: bytes(16),
});

export const udpConn = struct("udp_conn", {
	last_ns: u64,
	slot: u32,
	sent: u8,
	received: u8,
	socket_known: u8,
	pad: u8,
});

export const udpCall = struct("udp_call", {
	cookie: id64,
	message: id64,
	remote_address: bytes(16),
	remote_port: u16,
	pad: u16,
	bytes: u32,
});

export const event = struct("event", {
	time_ns: u64,
	id: u64,
	opened_ns: u64,
	established_ns: u64,
	cgroup_id: id64,
	bytes_sent: u64,
	bytes_received: u64,
	pid: u32,
	tid: u32,
	uid: u32,
	cgroup_v1: u32,
	netns: u32,
	segments_sent: u32,
	segments_received: u32,
	segments_retransmitted: u32,
	rtt_us: u32,
	rtt_var_us: u32,
	rtt_min_us: u32,
	error: u32,
	cpu: u16,
	local_port: u16,
	remote_port: u16,
	type: u8,
	direction: u8,
	attribution: u8,
	close_reason: u8,
	state: u8,
	preexisting: u8,
	image: u32,
	comm: bytes(16),
	local_address: bytes(16),
	remote_address: bytes(16),
});

export const image = struct("image", {
	no_time: u64,
	started_ns: u64,
	id: u32,
	pid: u32,
	length: u32,
	writer: u32,
	is_deleted: u8,
	pad: bytes(7),
	path: bytes(4352),
});

export const socketInfo = struct("socket_info", {
	sock: id64,
	mptcp_sock: id64,
	bytes_sent: u64,
	bytes_received: u64,
	owner,
	fd: u32,
	netns: u32,
	segments_sent: u32,
	segments_received: u32,
	segments_retransmitted: u32,
	rtt_us: u32,
	rtt_var_us: u32,
	rtt_min_us: u32,
	local_port: u16,
	remote_port: u16,
	l4_proto: u8,
	state: u8,
	direction: u8,
	has_file: u8,
	local_address: bytes(16),
	remote_address: bytes(16),
});

export const listSettings = struct("list_settings", {
	tcp: u8,
	udp: u8,
	without_peer: u8,
});

export const holder = struct("holder", {
	id: u64,
	owner,
	netns: u32,
	listener_pid: u32,
	port: u16,
	pad: bytes(6),
});

export const netnsId = struct("netns_id", {
	cookie: id64,
	inode: u32,
	pad: u32,
});

export const netnsCounts = struct("netns_counts", {
	active_opens: u64,
	passive_opens: u64,
	attempt_fails: u64,
	estab_resets: u64,
});

export const mapCount = struct("map_count", {
	entries: u64,
	id: u32,
	pad: u32,
});

export const losses = struct("losses", {
	connections_active: u64,
	connections_passive: u64,
	connections_adopted: u64,
	listeners: u64,
	netns: u64,
	events: u64,
	datagrams: u64,
	ends: u64,
	unreturned: u64,
	caught_up: u64,
});

export const host = struct("host", {
	pid_namespace: u32,
	v1_controller: u32,
	own_pid: u32,
});

export const settings = struct("settings", {
	udp_timeout_ns: u64,
	udp_stream_timeout_ns: u64,
	flow_key_parts: u32,
	event_types: u32,
	accept_hooked: u32,
	never: u32,
});

const { FILTER_VALUES, FILTER_PORT_BYTES } = FILTER_BOUND;

export const filter = struct("filter", {
	cgroup_ids: array(id64, FILTER_VALUES),
	pids: array(u32, FILTER_VALUES),
	uids: array(u32, FILTER_VALUES),
	netns: array(u32, FILTER_VALUES),
	cgroup_id_count: u32,
	pid_count: u32,
	uid_count: u32,
	netns_count: u32,
	is_set: u8,
	ports: u8,
	family: u8,
	l4_proto: u8,
	direction: u8,
	pad: bytes(3),
	local_ports: bytes(FILTER_PORT_BYTES),
	remote_ports: bytes(FILTER_PORT_BYTES),
	either_ports: bytes(FILTER_PORT_BYTES),
	excluded_ports: bytes(FILTER_PORT_BYTES),
});
