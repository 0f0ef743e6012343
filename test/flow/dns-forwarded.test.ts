import { describe, expect, test } from "bun:test";
import type { DnsBody } from "../../src/flow/dns-message.ts";
import type { SeenPacket } from "../../src/flow/dns-packet-keys.ts";
import {
	answered,
	at,
	back,
	CLIENT,
	MAPPED,
	message,
	NETNS,
	open,
	recordsOf,
	SERVER,
	there,
} from "./dns-fixtures.ts";

describe("a question that is forwarded is one", () => {
	const ROUTER = [...MAPPED, 10, 0, 1, 1];
	const BEHIND = [...MAPPED, 10, 0, 1, 2];
	const left = { ...there, isOutgoing: true, hopLimit: 63 };
	const ends = (source: readonly number[], destination: readonly number[]) =>
		Uint8Array.of(...source, ...destination);
	const masqueraded = { ...left, addresses: ends(ROUTER, SERVER), sourcePort: 50_000 };
	const redirected = { ...left, addresses: ends(CLIENT, BEHIND) };
	const both = { ...left, addresses: ends(ROUTER, BEHIND), sourcePort: 50_000 };
	const reverse = (packet: SeenPacket): SeenPacket => ({
		...packet,
		...{ addresses: ends([...packet.addresses.slice(16)], [...packet.addresses.slice(0, 16)]) },
		...{ sourcePort: packet.destinationPort, destinationPort: packet.sourcePort },
		...{ isOutgoing: false, hopLimit: 60 },
	});

	for (const [what, packet] of [
		["as it is", left],
		["with another source", masqueraded],
		["to another destination", redirected],
		["with both", both],
	] as const)
		test(`${what}; the record is that of who asked`, () => {
			const transactions = open(100, 100);
			transactions.take(NETNS, there, message(), at(1));
			transactions.take(NETNS, packet, message(), at(1, 1000));
			transactions.take(NETNS, reverse(packet), answered(), at(2));
			transactions.take(NETNS, back, answered(), at(2, 1000));
			expect(recordsOf(transactions)).toMatchObject([
				{
					...{ client_address: "10.0.0.1", client_port: 40_000, server_address: "10.0.0.2" },
					latency_us: 1_000_000,
				},
			]);
			expect({ size: transactions.size, begun: transactions.takeBegun().length }).toEqual({
				...{ size: 0, begun: 1 },
			});
		});

	for (const [what, packet] of [
		["comes in", { ...masqueraded, isOutgoing: false }],
		["was not forwarded: its hop limit is as large", { ...masqueraded, hopLimit: 64 }],
	] as const)
		test(`but not one that ${what}`, () => {
			const transactions = open();
			transactions.take(NETNS, there, message(), at(1));
			transactions.take(NETNS, packet, message(), at(1));
			expect(transactions.size).toBe(2);
		});

	test("nor one that leaves long after, or asks for something else", () => {
		const transactions = open();
		transactions.take(NETNS, there, message(), at(1));
		transactions.take(NETNS, masqueraded, message(), at(3));
		transactions.take(NETNS, redirected, message({ questionName: "b.example" }), at(1));
		expect(transactions.size).toBe(3);
	});

	test("and of two clients that ask alike each has its own", () => {
		const transactions = open();
		const second = { ...there, addresses: ends(BEHIND, SERVER) };
		for (const packet of [there, second, masqueraded, { ...masqueraded, sourcePort: 50_001 }])
			transactions.take(NETNS, packet, message(), at(1));
		expect(transactions.size).toBe(2);
		transactions.take(NETNS, { ...masqueraded, sourcePort: 50_002 }, message(), at(1));
		expect(transactions.size).toBe(3);
	});
});

describe("an answer whose question was not seen", () => {
	test("is a record without latency, once on all interfaces", () => {
		const transactions = open(100, 10);
		const answers = [{ name: "a.example", type: "A", ttl: 60, data: "192.0.2.1" }];
		for (const isOutgoing of [false, true])
			transactions.take(NETNS, { ...back, isOutgoing }, answered({ answers }), at(1));
		expect(transactions.takeBegun()).toHaveLength(1);
		expect(recordsOf(transactions)).toMatchObject([
			{
				...{ client_address: "10.0.0.1", client_port: 40_000, server_address: "10.0.0.2" },
				...{ server_port: 53, response_code: "NOERROR", error: null, latency_us: null, answers },
			},
		]);
	});

	test("is counted, and not read, where a second has more of them", () => {
		const transactions = open(100, 10);
		let read = 0;
		for (let id = 0; id < 50; id++) {
			const said = answered({ id });
			const body = (): DnsBody => {
				read++;
				return said.body();
			};
			transactions.take(NETNS, back, { ...said, body }, at(1 + Math.floor(id / 25)));
		}
		const { length } = recordsOf(transactions);
		expect({ read, length, unread: transactions.takeUnread() }).toEqual({
			...{ read: 20, length: 20, unread: 30 },
		});
	});

	test("is none where it comes too late", () => {
		const transactions = open(100, 10);
		transactions.take(NETNS, there, message(), at(1));
		transactions.expire(at(10));
		transactions.take(NETNS, back, answered(), at(11));
		expect(recordsOf(transactions)).toMatchObject([{ error: "timeout" }]);
	});
});

test("on loopback an answer from elsewhere is of the question that a rule has sent away, and says who was asked", () => {
	const ASKED = [...MAPPED, 192, 0, 2, 53];
	const transactions = open(100, 10);
	const asking = { ...there, isLoopback: true };
	const answer = { ...back, addresses: Uint8Array.of(...ASKED, ...CLIENT), isLoopback: true };
	for (let time = 1; time <= 2; time++) {
		transactions.take(NETNS, asking, message(), at(time));
		transactions.take(NETNS, answer, answered(), at(time, 1000));
	}
	const record = { server_address: "192.0.2.53", server_port: 53, latency_us: 1, error: null };
	expect(recordsOf(transactions)).toMatchObject([record, record]);
	expect(transactions.size).toBe(0);
	transactions.take(NETNS, there, message(), at(3));
	transactions.take(NETNS, { ...answer, isLoopback: false }, answered(), at(3));
	expect(transactions.size).toBe(1);
});
