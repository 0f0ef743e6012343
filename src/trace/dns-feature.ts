/** Whether DNS can be heard on this machine, found by listening. */

import { LibbpfError } from "../errors.ts";
import { EPERM } from "../ffi/errno.ts";
import { PacketSocket } from "../ffi/packet-socket.ts";
import type { Answer, FeatureReport } from "../flow/doctor.ts";
import { packetFilter } from "../maps/packet-filter.ts";
import { leastBufferBytes } from "./check-range.ts";
import { DNS_PORTS } from "./dns-sockets.ts";

export function dnsFeature(): FeatureReport {
	const answer = listen();
	return {
		feature: "dns",
		hook: answer.available === true ? "packet_socket" : null,
		less_exact: null,
		remedy: answer.available === false ? "use a kernel with CONFIG_PACKET" : null,
		ways: [{ hook: "packet_socket", ...answer }],
	};
}

function listen(): Answer {
	const filter = packetFilter({
		ports: DNS_PORTS,
		ipv4: true,
		ipv6: true,
		tcp: true,
		udp: true,
		elsewhere: true,
	});
	try {
		PacketSocket.open(filter, leastBufferBytes())[Symbol.dispose]();
		return { available: true, reason: null };
	} catch (error) {
		if (!(error instanceof LibbpfError)) throw error;
		if (error.errno !== EPERM) return { available: false, reason: error.message };
		return { available: null, reason: "not permitted without CAP_NET_RAW" };
	}
}
