import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Instant } from "../../src/flow/dns-transaction.ts";
import { DnsTransactions } from "../../src/flow/dns-transactions.ts";
import {
	answered,
	at,
	back,
	message,
	NETNS,
	open,
	recordsOf,
	SERVER,
	there,
} from "./dns-fixtures.ts";

test("a question and its answer are one record, with the time between", () => {
	const transactions = open();
	transactions.take(NETNS, there, message(), at(1_700_000_000, 999_999_000));
	expect(recordsOf(transactions)).toEqual([]);
	const answers = [{ name: "a.example", type: "A", ttl: 60, data: "192.0.2.1" }];
	const said = answered({ answers, answerCount: 1, isTruncated: true });
	transactions.take(NETNS, back, said, at(1_700_000_001, 500_999));
	expect(recordsOf(transactions)).toEqual([
		{
			...{ type: "dns", time: "2023-11-14T22:13:21.000500999Z", netns: NETNS, transport: "udp" },
			...{ client_address: "10.0.0.1", client_port: 40_000 },
			...{ server_address: "10.0.0.2", server_port: 53, id: 7 },
			...{ question_name: "a.example", question_type: "A", response_code: "NOERROR", error: null },
			...{ latency_us: 501, truncated: true, answer_count: 1, answers, pid: null, process: null },
		},
	]);
	expect(transactions.size).toBe(0);
});

test("a question that nobody answers is given up, when its time is over", () => {
	const transactions = open();
	transactions.take(NETNS, there, message(), at(1_700_000_000, 1));
	transactions.expire(at(1_700_000_005, 0));
	expect(recordsOf(transactions)).toEqual([]);
	transactions.expire(at(1_700_000_005, 1));
	expect(recordsOf(transactions)).toMatchObject([
		{
			...{ time: "2023-11-14T22:13:25.000000001Z", error: "timeout", response_code: null },
			...{ latency_us: null, truncated: null, answer_count: null, answers: [] },
		},
	]);
	transactions.take(NETNS, back, answered(), at(1_700_000_006));
	expect(recordsOf(transactions)).toEqual([]);
});

test("a question that is sent again counts once, from the first time", () => {
	const transactions = open();
	for (const second of [1, 2, 3]) transactions.take(NETNS, there, message(), at(second));
	for (const second of [4, 5]) transactions.take(NETNS, back, answered(), at(second));
	expect(recordsOf(transactions)).toMatchObject([{ latency_us: 3_000_000 }]);
	expect(transactions.takeBegun()).toHaveLength(1);
});

describe("what tells questions apart", () => {
	const other = { ...there, addresses: Uint8Array.of(...SERVER.slice(0, 15), 9, ...SERVER) };
	for (const [what, take] of [
		["the id", (all: DnsTransactions) => all.take(NETNS, there, message({ id: 8 }), at(1))],
		["the name", (all) => all.take(NETNS, there, message({ questionName: "b" }), at(1))],
		["the type", (all) => all.take(NETNS, there, message({ questionType: "AAAA" }), at(1))],
		["the namespace", (all) => all.take(1, there, message(), at(1))],
		["the transport", (all) => all.take(NETNS, { ...there, isTcp: true }, message(), at(1))],
		["the port", (all) => all.take(NETNS, { ...there, sourcePort: 9 }, message(), at(1))],
		["the address", (all) => all.take(NETNS, other, message(), at(1))],
	] as [string, (all: DnsTransactions) => void][])
		test(what, () => {
			const transactions = open();
			transactions.take(NETNS, there, message(), at(1));
			take(transactions);
			expect(transactions.size).toBe(2);
			transactions.take(NETNS, back, answered(), at(2));
			expect(transactions.size).toBe(1);
			expect(recordsOf(transactions)).toMatchObject([{ netns: NETNS, id: 7, client_port: 40_000 }]);
		});
});

test("an answer without a question in it is of the one with its id", () => {
	const transactions = open();
	transactions.take(NETNS, there, message(), at(1));
	const none = { questionName: null, questionType: null, responseCode: "FORMERR" };
	transactions.take(NETNS, back, answered(none), at(1));
	expect(recordsOf(transactions)).toMatchObject([
		{ question_name: "a.example", response_code: "FORMERR" },
	]);
});

describe("is passed over", () => {
	for (const [what, packet, said] of [
		["an answer that nobody asked for", back, answered()],
		["a change of a zone", there, message({ opcode: 5 })],
		["a question to many", { ...there, isMulticast: true }, message()],
	] as const)
		test(what, () => {
			const transactions = open();
			transactions.take(NETNS, packet, said, at(1));
			transactions.expire(at(1000));
			expect(recordsOf(transactions)).toEqual([]);
		});
});

test("a clock that is set back leaves no latency, and nothing that waits for ever", () => {
	const transactions = open();
	transactions.take(NETNS, there, message(), at(100));
	transactions.take(NETNS, back, answered(), at(50));
	expect(recordsOf(transactions)).toMatchObject([{ latency_us: null, response_code: "NOERROR" }]);
	transactions.take(NETNS, there, message(), at(100));
	transactions.expire(at(50));
	expect(recordsOf(transactions)).toMatchObject([{ error: "timeout" }]);
});

test("a question that is read as soon as it is met is not given up", () => {
	const transactions = open();
	transactions.take(NETNS, there, message(), at(100, 400_000));
	transactions.expire(at(100));
	transactions.take(NETNS, back, answered(), at(100, 800_000));
	expect(recordsOf(transactions)).toMatchObject([{ error: null, latency_us: 400 }]);
});

test("the oldest questions make room for new ones, and are counted", () => {
	const transactions = open(10);
	for (let id = 0; id < 25; id++) transactions.take(NETNS, there, message({ id }), at(id));
	expect({ size: transactions.size, dropped: transactions.takeDropped() }).toEqual({
		...{ size: 10, dropped: 15 },
	});
	transactions.expire(at(1000));
	expect(recordsOf(transactions).map(({ id }) => id)).toEqual([
		15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
	]);
	for (let name = 0; name < 20; name++)
		transactions.take(NETNS, there, message({ questionName: `n${name}` }), at(2000));
	expect(transactions.takeDropped()).toBe(20 - transactions.size);
});

test("each question has one end, whatever comes in which order", () => {
	const step = fc.record({
		...{ id: fc.nat(3), port: fc.nat(3), name: fc.constantFrom("a", "b", null) },
		...{ isAnswer: fc.boolean(), wait: fc.nat(3) },
	});
	fc.assert(
		fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
			const transactions = open(8);
			let [seconds, begun, done] = [1000, 0, 0];
			const count = (): void => {
				begun += transactions.takeBegun().length;
				done += recordsOf(transactions).length + transactions.takeDropped();
			};
			for (const { id, port, name: questionName, isAnswer, wait } of steps) {
				seconds += wait;
				transactions.expire(at(seconds));
				const own = isAnswer ? { ...back, destinationPort: port } : { ...there, sourcePort: port };
				transactions.take(NETNS, own, message({ id, questionName, isAnswer }), at(seconds));
				count();
				expect(begun).toBe(done + transactions.size);
			}
			transactions.expire(at(seconds + 5));
			count();
			expect({ done, size: transactions.size }).toEqual({ done: begun, size: 0 });
		}),
	);
});

describe.each([3600, -3600])("once the clock is set by %d s, and that is known", (by) => {
	const SET = 1000;
	const asked = at(SET - 1);
	const setNsAt = (time: Instant): number => (time === asked ? 0 : by * 1e9);
	const opened = (): DnsTransactions => {
		const transactions = new DnsTransactions({
			most: 100,
			timeoutMs: 5000,
			mostUnasked: 0,
			setNsAt,
		});
		transactions.take(NETNS, there, message(), asked);
		transactions.expire(at(SET + by));
		expect(recordsOf(transactions)).toEqual([]);
		return transactions;
	};

	test("a latency is what passed", () => {
		const transactions = opened();
		transactions.take(NETNS, back, answered(), at(SET + by + 2, 5000));
		expect(recordsOf(transactions)).toMatchObject([{ latency_us: 3_000_005 }]);
	});

	test("a question is given up when its time is over, by the clock as it is now", () => {
		const transactions = opened();
		transactions.expire(at(SET + by + 3));
		expect(recordsOf(transactions)).toEqual([]);
		transactions.expire(at(SET + by + 4));
		const time = new Date((SET + by + 4) * 1000).toISOString().replace("Z", "000000Z");
		expect(recordsOf(transactions)).toMatchObject([{ error: "timeout", time }]);
	});
});
