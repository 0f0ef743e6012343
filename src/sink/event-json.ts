/** An event as one line of JSON. */

import type { EventRecord } from "../flow/records.ts";

/** What it is comes first, then the fields in the order of the contract. */
export function eventJson(e: EventRecord): string {
	return JSON.stringify({
		type: e.type,
		time: e.time,
		event: e.event,
		id: e.id,
		transport: e.transport,
		family: e.family,
		direction: e.direction,
		state: e.state,
		local_address: e.local_address,
		local_port: e.local_port,
		remote_address: e.remote_address,
		remote_port: e.remote_port,
		pid: e.pid,
		tid: e.tid,
		process: e.process,
		executable: e.executable,
		command_line: e.command_line,
		uid: e.uid,
		netns: e.netns,
		cgroup_id: e.cgroup_id,
		container_id: e.container_id,
		attribution: e.attribution,
		opened: e.opened,
		preexisting: e.preexisting,
		duration_ms: e.duration_ms,
		bytes_sent: e.bytes_sent,
		bytes_received: e.bytes_received,
		segments_sent: e.segments_sent,
		segments_received: e.segments_received,
		segments_retransmitted: e.segments_retransmitted,
		rtt_us: e.rtt_us,
		rtt_var_us: e.rtt_var_us,
		rtt_min_us: e.rtt_min_us,
		connect_latency_us: e.connect_latency_us,
		nat: e.nat,
		remote_name: e.remote_name,
		cpu: e.cpu,
		error: e.error,
		close_reason: e.close_reason,
	});
}
