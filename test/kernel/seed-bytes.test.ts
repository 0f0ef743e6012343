/** Cases of the seeds' suites (docs/seed-cases.md): bytes are what the calls returned. */

import { describe, expect } from "bun:test";
import type { EventRecord } from "../../src/flow/records.ts";
import { eventsDuring, named } from "../support/events.ts";
import { listed } from "../support/listing.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";

interface Ends {
	readonly client: Puppet;
	readonly server: Puppet;
	readonly fd: number;
	readonly accepted: number;
	readonly port: number;
}

/** A connection; `work` says what each side has sent, which the other has taken. */
async function closesAfter(
	work: (ends: Ends) => Promise<{ up: number; down: number }>,
	kind = "tcp4",
	address = "127.0.0.1",
): Promise<EventRecord[]> {
	await using server = Puppet.start();
	await using client = Puppet.start();
	const [listener, port] = await server.listen(0, kind, address);
	let [up, down] = [0, 0];
	const events = await eventsDuring(async () => {
		const [fd] = await client.connect(port, kind, address);
		const accepted = await server.do("accept", listener);
		({ up, down } = await work({ client, server, fd, accepted, port }));
		await client.call("close", fd);
		await server.call("close", accepted);
		return port;
	}, 4);
	const closes = named(events, "close");
	expect(closes.length).toBe(2);
	for (const close of closes)
		expect(close).toMatchObject(
			close.direction === "active"
				? { bytes_sent: up, bytes_received: down }
				: { bytes_sent: down, bytes_received: up },
		);
	return events;
}

async function times(count: number, call: () => Promise<unknown>): Promise<void> {
	for (let i = 0; i < count; i++) await call();
}

async function sendAndReceive({ client, server, fd, accepted }: Ends) {
	await times(10, () => client.call("send", fd, 512));
	await server.call("recv_all", accepted, 5120);
	await times(10, async () => {
		await server.call("send", accepted, 32_768);
		await client.call("recv_all", fd, 32_768);
	});
	return { up: 5120, down: 327_680 };
}

kernelTest("TCPSendAndReceive: 10 times 512 B, and 10 times 32,768 B", async () => {
	let pids: (number | null)[] = [];
	const events = await closesAfter(async (ends) => {
		const moved = await sendAndReceive(ends);
		pids = [await ends.client.pid(), await ends.server.pid()];
		const open = listed("--port", ends.port);
		expect(open.find(({ direction }) => direction === "active")).toMatchObject({
			...{ pid: pids[0], remote_port: ends.port, bytes_sent: 5120, bytes_received: 327_680 },
			...{ local_address: "127.0.0.1", remote_address: "127.0.0.1" },
		});
		expect(open.find(({ direction }) => direction === "passive")).toMatchObject({
			...{ pid: pids[1], local_port: ends.port, bytes_sent: 327_680, bytes_received: 5120 },
		});
		return moved;
	});
	const connect = named(events, "connect")[0];
	expect(connect).toMatchObject({ pid: pids[0] ?? null, direction: "active" });
	expect(named(events, "accept")[0]).toMatchObject({ direction: "passive" });
});

kernelTest("TCPOverIPv6", async () => {
	const events = await closesAfter(sendAndReceive, "tcp6", "::1");
	for (const event of events)
		expect(event).toMatchObject({
			...{ family: "ipv6", local_address: "::1", remote_address: "::1" },
		});
});

kernelTest(
	"TCPConnsReported: a connection that moves nothing is there, on both sides",
	async () => {
		const events = await closesAfter(async () => ({ up: 0, down: 0 }));
		expect(events.map(({ event }) => event).sort()).toEqual([
			"accept",
			"close",
			"close",
			"connect",
		]);
	},
);

kernelTest(
	"TCPMiscount: 100 MB with a time-out of 1 µs count as far as they were taken",
	async () => {
		const wanted = 100_000_000;
		await closesAfter(async ({ client, server, fd, accepted }) => {
			await client.call("set", fd, "send_timeout_us", 1);
			const up = await client.do("send", fd, wanted);
			expect(up).toBeLessThan(wanted);
			await server.call("recv_all", accepted, up);
			return { up, down: 0 };
		});
	},
);

kernelTest("ShortWrite: a socket that takes a part of each write", async () => {
	await closesAfter(async ({ client, server, fd, accepted }) => {
		await client.call("set", fd, "sndbuf", 5000);
		let [up, sent] = [0, 0];
		while (sent >= 0) {
			up += sent;
			sent = (await client.attempt("send", fd, 1_000_000, "dontwait")).result;
		}
		expect(up % 1_000_000).not.toBe(0);
		await server.call("recv_all", accepted, up);
		return { up, down: 0 };
	});
});

describe("SendfileRegression", () => {
	for (const [kind, address] of [
		["tcp4", "127.0.0.1"],
		["tcp6", "::1"],
	] as const)
		kernelTest(`what sendfile() sends counts: ${kind}`, async () => {
			await closesAfter(
				async ({ client, server, fd, accepted }) => {
					expect(await client.do("send_file", fd, 40_000, 40_000)).toBe(40_000);
					await server.call("recv_all", accepted, 40_000);
					return { up: 40_000, down: 0 };
				},
				kind,
				address,
			);
		});
});

kernelTest("SendfileError: a sendfile() that sends nothing counts nothing", async () => {
	await closesAfter(async ({ client, fd }) => {
		expect(await client.do("send_file", fd, 1000, 0)).toBe(0);
		return { up: 0, down: 0 };
	});
});

kernelTest("a send() whose memory ends halfway counts what it took", async () => {
	await closesAfter(async ({ client, server, fd, accepted }) => {
		const { result } = await client.attempt("send_bad", fd, 6000);
		const up = Math.max(0, result);
		expect(up).toBeLessThan(6000);
		await server.call("recv_all", accepted, up);
		return { up, down: 0 };
	});
});

kernelTest("BlockingReadCounts: 6 B by one recv(MSG_WAITALL), after a look at them", async () => {
	await closesAfter(async ({ client, server, fd, accepted }) => {
		const reading = client.do("recv", fd, 6, "waitall");
		await server.call("send", accepted, 2);
		await server.call("send", accepted, 4);
		expect(await reading).toBe(6);
		await server.call("send", accepted, 3);
		expect(await client.do("recv", fd, 3, "peek")).toBeGreaterThan(0);
		expect(await client.do("recv_all", fd, 3)).toBe(3);
		return { up: 0, down: 9 };
	});
});
