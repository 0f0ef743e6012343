import { expect, test } from "bun:test";
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

test("an address has the name that was asked for, through a chain in any order", () => {
	const names = open();
	names.learn(said("www.a", a("c", "10.0.0.1"), cname("b", "c"), cname("www.a", "b")), 0);
	expect(names.namesOf(NETNS, "10.0.0.1", 1)).toEqual(["www.a"]);
	const six = { name: "six", type: "AAAA", ttl: 1, data: "2001:db8::1" };
	names.learn(said("six", six), 0);
	expect(names.namesOf(NETNS, "2001:db8::1", 1)).toEqual(["six"]);
});

test("as long as the shortest part of the chain is good, and some grace", () => {
	const names = open({ graceMs: 500 });
	names.learn(said("a", cname("a", "b", 2), a("b", "10.0.0.1", 100)), 1000);
	expect(names.namesOf(NETNS, "10.0.0.1", 3499)).toEqual(["a"]);
	expect(names.namesOf(NETNS, "10.0.0.1", 3500)).toEqual([]);
	expect(names.size).toBe(0);
});

test("of several the last one that was asked for comes first", () => {
	const names = open();
	for (const name of ["a", "b", "c", "a"]) names.learn(said(name, a(name, "10.0.0.1")), 0);
	expect(names.namesOf(NETNS, "10.0.0.1", 1)).toEqual(["a", "c", "b"]);
});

test("not what was not asked for, what is no answer, and not in another namespace", () => {
	const names = open();
	names.learn(said("a", a("bank.example", "10.0.0.1"), cname("x", "a")), 0);
	names.learn({ ...said("b", a("b", "10.0.0.1")), response_code: "NXDOMAIN" }, 0);
	expect(names.size).toBe(0);
	names.learn(said("c", a("c", "10.0.0.1")), 0);
	expect(names.namesOf(2, "10.0.0.1", 1)).toEqual([]);
});

test("a circle of names ends", () => {
	const names = open();
	names.learn(said("a", cname("a", "b"), cname("b", "a"), a("b", "10.0.0.1")), 0);
	expect(names.namesOf(NETNS, "10.0.0.1", 1)).toEqual(["a"]);
});

test("what is remembered has bounds, and what is forgotten is counted", () => {
	const names = open({ most: 3 });
	for (let host = 0; host < 5; host++) names.learn(said("a", a("a", `10.0.0.${host}`)), 0);
	expect({ size: names.size, forgotten: names.forgotten }).toEqual({ size: 3, forgotten: 2 });
	expect(names.namesOf(NETNS, "10.0.0.1", 1)).toEqual([]);
	for (let index = 0; index < 20; index++) names.learn(said(`n${index}`, a(`n${index}`, "::1")), 0);
	expect(names.namesOf(NETNS, "::1", 1)).toHaveLength(8);
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
			for (const found of names.namesOf(NETNS, "10.0.0.1", 1)) expect(found).toBe(asked);
		}),
	);
});
