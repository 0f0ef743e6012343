import { describe, expect, test } from "bun:test";
import { ConnectionDecoder } from "../../src/flow/connection.ts";
import { socketInfo } from "../../src/maps/structs.ts";

type RawSocket = ReturnType<typeof socketInfo.zero>;

const NAMES = {
	containerOf: (id: string) => (id === "77" ? "c0ffee" : null),
	processOf: (pid: number) => ({ executable: `/bin/p${pid}`, commandLine: `p${pid} --serve` }),
};
const mapped = (...ipv4: number[]) => new Uint8Array([...Array(10).fill(0), 255, 255, ...ipv4]);
const text = (name: string) => {
	const bytes = new Uint8Array(16);
	new TextEncoder().encodeInto(name, bytes);
	return bytes;
};

function socket(fields: Partial<RawSocket> = {}): RawSocket {
	return {
		...socketInfo.zero(),
		...{ sock: 0xffff_8880_0000_1000n, netns: 4026531840, state: 1, direction: 1, has_file: 1 },
		l4_proto: 6,
		...{ local_address: mapped(10, 0, 0, 1), local_port: 40_000 },
		...{ remote_address: mapped(10, 0, 0, 2), remote_port: 443 },
		...{ bytes_sent: 2 ** 33 + 5, bytes_received: 7, fd: 9 },
		...{ segments_sent: 11, segments_received: 12, segments_retransmitted: 1 },
		...{ rtt_us: 1200, rtt_var_us: 300, rtt_min_us: 900 },
		...fields,
	};
}

function owner(pid: number, cgroup_id = 77n): RawSocket["owner"] {
	const known = {
		uid: 1000,
		attribution: 3,
		comm: text("curl"),
		image: 0,
		started: 5,
		cgroup_v1: 0,
		pad: 0,
	};
	return { pid, tid: pid + 1, cgroup_id, ...known };
}

/** A decoder of these, and where each is. */
function decoderOf(sockets: readonly RawSocket[]) {
	const bytes = new Uint8Array(sockets.length * socketInfo.size);
	sockets.forEach((one, i) => {
		bytes.set(socketInfo.encode(one), i * socketInfo.size);
	});
	return {
		decoder: new ConnectionDecoder(new DataView(bytes.buffer), NAMES),
		places: sockets.map((_, i) => i * socketInfo.size),
	};
}

function decode(...sockets: readonly RawSocket[]) {
	const { decoder, places } = decoderOf(sockets);
	return decoder.decode(places);
}

test("a connection has its owner, its endpoints and its totals", () => {
	expect(decode(socket({ owner: owner(50) }))).toEqual({
		...{ type: "connection", id: "1", transport: "tcp", family: "ipv4", direction: "active" },
		...{ state: "ESTABLISHED", local_address: "10.0.0.1", local_port: 40_000 },
		...{ remote_address: "10.0.0.2", remote_port: 443, pid: 50, tid: 51, process: "curl" },
		...{ executable: "/bin/p50", command_line: "p50 --serve", uid: 1000, netns: 4026531840 },
		...{ cgroup_id: "77", container_id: "c0ffee", attribution: "scan", opened: null },
		...{ preexisting: true, duration_ms: null, bytes_sent: 8_589_934_597, bytes_received: 7 },
		...{ segments_sent: 11, segments_received: 12, segments_retransmitted: 1, rtt_us: 1200 },
		...{ rtt_var_us: 300, rtt_min_us: 900, connect_latency_us: null, nat: null },
		...{ remote_name: null, fd: 9, closing: false, holders: [] },
	});
});

test("what nobody holds has no owner, and nothing is guessed", () => {
	expect(decode(socket({ has_file: 0, fd: 0 }))).toMatchObject({
		...{ pid: null, tid: null, process: null, executable: null, command_line: null, uid: null },
		...{ cgroup_id: null, container_id: null, attribution: null, fd: null, holders: [] },
	});
});

test("the other holders are listed behind the first", () => {
	const [a, b, c] = [{ owner: owner(50) }, { owner: owner(50), fd: 10 }, { owner: owner(60) }];
	expect(decode(socket(a), socket(b), socket(c))).toMatchObject({
		...{ pid: 50, fd: 9 },
		holders: [
			{ pid: 50, fd: 10 },
			{ pid: 60, fd: 9 },
		],
	});
});

test("each record has an id of its own, which is not the kernel's address", () => {
	const { decoder, places } = decoderOf([socket(), socket()]);
	expect(places.map((place) => decoder.decode([place]).id)).toEqual(["1", "2"]);
});

test("an RTT that was never measured is not known", () => {
	expect(decode(socket({ rtt_us: 0, rtt_var_us: 0, rtt_min_us: 0 }))).toMatchObject({
		...{ rtt_us: null, rtt_var_us: null, rtt_min_us: null },
	});
});

describe("the state is the kernel's, and says whether the connection is closing", () => {
	for (const [raw, state, closing] of [
		[1, "ESTABLISHED", false],
		[2, "SYN_SENT", false],
		[3, "SYN_RECV", false],
		[4, "FIN_WAIT1", true],
		[5, "FIN_WAIT2", true],
		[8, "CLOSE_WAIT", true],
		[9, "LAST_ACK", true],
		[10, "LISTEN", false],
		[11, "CLOSING", true],
	] as const)
		test(state, () => expect(decode(socket({ state: raw }))).toMatchObject({ state, closing }));
});

describe("a listening socket has no peer", () => {
	for (const [local, remote, address, family] of [
		[mapped(0, 0, 0, 0), mapped(0, 0, 0, 0), "0.0.0.0", "ipv4"],
		[new Uint8Array(16), new Uint8Array(16), "::", "ipv6"],
		[mapped(127, 0, 0, 1), new Uint8Array(16), "127.0.0.1", "ipv4"],
	] as const)
		test(`${address} with a remote of ${remote.length} bytes`, () => {
			const fields = { local_address: local, remote_address: remote, local_port: 80 };
			expect(decode(socket({ ...fields, state: 10, direction: 2 }))).toMatchObject({
				...{ family, direction: "passive", local_address: address, local_port: 80 },
				...{ remote_address: null, remote_port: null },
			});
		});
});

describe("of UDP", () => {
	const udp = { l4_proto: 17, bytes_sent: 0, bytes_received: 0 };
	const unknown = {
		...{ bytes_sent: null, bytes_received: null, rtt_us: null, rtt_var_us: null },
		...{ segments_sent: null, segments_received: null, segments_retransmitted: null },
		rtt_min_us: null,
	};

	test("a socket with a peer has no counters", () => {
		expect(decode(socket({ ...udp, owner: owner(50) }))).toMatchObject({
			...{ transport: "udp", state: "ESTABLISHED", direction: "active", ...unknown },
			...{ local_port: 40_000, remote_address: "10.0.0.2", remote_port: 443, closing: false },
		});
	});

	test("a socket without one has the kernel's state, and its port", () => {
		const fields = { state: 7, direction: 2, local_address: new Uint8Array(16), local_port: 53 };
		expect(decode(socket({ ...udp, ...fields }))).toMatchObject({
			...{ transport: "udp", state: "CLOSE", direction: "passive", family: "ipv6", ...unknown },
			...{ local_address: "::", local_port: 53, remote_address: null, remote_port: null },
		});
	});

	test("a filter sees the transport", () => {
		expect(decoderOf([socket(udp)]).decoder.subject(0).transport).toBe("udp");
		expect(decoderOf([socket()]).decoder.subject(0).transport).toBe("tcp");
	});
});

test("a filter sees the holder that it is shown, and the listening port", () => {
	const { decoder } = decoderOf([socket({ owner: owner(50) })]);
	expect(decoder.subject(0)).toMatchObject({
		...{ pid: 50, uid: 1000, process: "curl", cgroup_id: "77", container_id: "c0ffee" },
		...{ family: "ipv4", listen_port: 443, local_port: 40_000, remote_port: 443 },
	});
});
