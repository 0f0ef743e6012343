import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DnsNames } from "../../src/enrich/dns-names.ts";
import type { DnsAnswer, DnsRecord } from "../../src/flow/dns-records.ts";

const NETNS = 1;
const cname = (name: string, data: string, ttl = 60): DnsAnswer => ({
	...{ name, type: "CNAME", ttl, data },
});
const a = (name: string, data: string, ttl = 60): DnsAnswer => ({ name, type: "A", ttl, data });

const said = (question_name: string, ...answers: readonly DnsAnswer[]) =>
	({ netns: NETNS, question_name, response_code: "NOERROR", answers }) as DnsRecord;

const open = (changes = {}) => new DnsNames({ most: 100, graceMs: 0, ...changes });

const A = "10.0.0.1";
/** Now, and not before. */
const nameOf = (names: DnsNames, address: string, nowMs: number, netns = NETNS): string | null =>
	names.nameOf(netns, address, nowMs, nowMs);

test("an address has the name that was asked for, through a chain in any order", () => {
	const names = open();
	names.learn(said("www.a", a("c", A), cname("b", "c"), cname("www.a", "b")), 0);
	expect(nameOf(names, A, 1)).toBe("www.a");
	const six = { name: "six", type: "AAAA", ttl: 1, data: "2001:db8::1" };
	names.learn(said("six", six), 0);
	expect(nameOf(names, "2001:db8::1", 1)).toBe("six");
});

test("as long as the shortest part of the chain is good, and some grace", () => {
	const chain = said("a", cname("a", "b", 2), a("b", A, 100));
	const asked = (nowMs: number): string | null => {
		const names = open({ graceMs: 500 });
		names.learn(chain, 1000);
		return nameOf(names, A, nowMs);
	};
	expect([3499, 3500].map(asked)).toEqual(["a", null]);
	const names = open({ graceMs: 500 });
	names.learn(chain, 1000);
	expect(names.nameOf(NETNS, A, 3400, 9000)).toBe("a");
});

test("and longer than that while it is used", () => {
	const names = open({ graceMs: 500 });
	names.learn(said("a", a("a", A, 1)), 0);
	for (let nowMs = 1400; nowMs < 10_000; nowMs += 400) expect(nameOf(names, A, nowMs)).toBe("a");
	expect(nameOf(names, A, 10_500)).toBe(null);
});

test("of several names the last one that was asked for, also for the second time", () => {
	const names = open();
	for (const name of ["a", "b", "c", "a"]) {
		names.learn(said(name, a(name, A)), 0);
		expect(nameOf(names, A, 1)).toBe(name);
	}
	names.learn(said("short", a("short", A, 1)), 0);
	expect(nameOf(names, A, 1001)).toBe("a");
});

describe("a connection has the last name that was asked for before it was opened", () => {
	const asked = (...names: readonly string[]): DnsNames => {
		const found = open({ graceMs: 1000 });
		for (const [at, name] of names.entries()) found.learn(said(name, a(name, A, 1)), 100 * at);
		return found;
	};
	const at = (names: DnsNames, ms: number): string | null => names.nameAt(NETNS, A, ms);

	test("whatever is asked for later", () => {
		const names = asked("a", "b", "a", "a", "c");
		expect([0, 50, 100, 250, 350, 400, 450].map((ms) => at(names, ms))).toEqual([
			"a",
			"a",
			"b",
			"a",
			"a",
			"c",
			"c",
		]);
	});

	test("where nobody had asked, the last one since", () => {
		expect(at(asked("a", "b"), -1)).toBe("b");
	});

	test("unless that was good no more", () => {
		expect(at(asked("a"), 2001)).toBe(null);
	});

	test("also long after it was asked for", () => {
		const names = asked("a");
		expect([at(names, 1), nameOf(names, A, 5000), at(names, 1)]).toEqual(["a", null, "a"]);
	});

	test("and none where too many have been since to tell", () => {
		const names = asked(...Array.from({ length: 20 }, (_, index) => `n${index}`));
		expect([at(names, 300), at(names, 400), at(names, 1950)]).toEqual([null, "n4", "n19"]);
	});
});

test("not what was not asked for, what is no answer, and not in another namespace", () => {
	const names = open();
	names.learn(said("a", a("bank.example", A), cname("x", "a")), 0);
	names.learn({ ...said("b", a("b", A)), response_code: "NXDOMAIN" }, 0);
	expect(names.size).toBe(0);
	names.learn(said("c", a("c", A)), 0);
	expect([nameOf(names, A, 1), nameOf(names, A, 1, 2)]).toEqual(["c", null]);
});

test("a circle of names ends", () => {
	const names = open();
	names.learn(said("a", cname("a", "b"), cname("b", "a"), a("b", "10.0.0.1")), 0);
	expect(nameOf(names, A, 1)).toBe("a");
});

test("what is remembered has bounds, and what is forgotten is counted", () => {
	const names = open({ most: 3 });
	for (let host = 0; host < 5; host++) names.learn(said("a", a("a", `10.0.0.${host}`)), 0);
	expect({ size: names.size, forgotten: names.takeForgotten() }).toEqual({ size: 3, forgotten: 2 });
	expect(nameOf(names, A, 1)).toBe(null);
	names.learn(said("a", a("a", "10.0.0.9")), 60_001);
	expect({ size: names.size, forgotten: names.takeForgotten() }).toEqual({ size: 3, forgotten: 0 });
});

test("any answers end, and every name is one that was asked for", () => {
	const name = fc.constantFrom("a", "b", "c", "d");
	const one = fc.oneof(
		fc.tuple(name, name).map(([owner, data]) => cname(owner, data)),
		name.map((owner) => a(owner, "10.0.0.1")),
	);
	fc.assert(
		fc.property(name, fc.array(one, { maxLength: 20 }), (asked, answers) => {
			const names = open();
			names.learn(said(asked, ...answers), 0);
			expect(nameOf(names, A, 1) ?? asked).toBe(asked);
		}),
	);
});
