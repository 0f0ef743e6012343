import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import { compileFilter } from "../../src/flow/filter.ts";
import { EXCLUSION_CASES, WRONG_EXCLUSIONS } from "./exclusion-cases.ts";
import { SUBJECT } from "./filter-cases.ts";

describe("exclusions", () => {
	test.each(EXCLUSION_CASES)("%j on %j: %s", (options, changes, verdict) => {
		const filter = compileFilter(options);
		expect(filter?.matches({ ...SUBJECT, ...changes })).toBe(verdict === "kept");
	});

	for (const option of ["excludeLocal", "excludeRemote"] as const)
		test.each(WRONG_EXCLUSIONS)(`${option} %j is refused: %s`, (rule, why, hint) => {
			const name = option === "excludeLocal" ? "--exclude-local" : "--exclude-remote";
			try {
				compileFilter({ [option]: [rule] });
			} catch (error) {
				expect(error).toBeInstanceOf(UsageError);
				if (!(error instanceof UsageError)) return;
				expect(error.message).toStartWith(`${name} ${why}`);
				expect(error.hint).toContain(hint);
				return;
			}
			throw new Error("it is accepted");
		});

	test("take away from what is wanted", () => {
		const filter = compileFilter({ remotePorts: ["443"], excludeRemote: ["93.184.216.0/24"] });
		expect(filter?.matches(SUBJECT)).toBe(false);
		expect(filter?.matches({ ...SUBJECT, remote_address: "93.184.217.1" })).toBe(true);
	});

	test.each([
		[["10.0.0.0/8"], false],
		[["* tcp *"], false],
		[["10.0.0.0/8", "10.0.0.1 80"], true],
	])("%j need the ports of a flow: %p", (excludeRemote, ports) => {
		const needs = { ports, pid: false, uid: false };
		expect(compileFilter({ excludeRemote })?.needs).toEqual(needs);
		expect(compileFilter({ excludeLocal: excludeRemote })?.needs).toEqual(needs);
	});
});

type Octets = readonly number[];
interface Rule {
	readonly address: Octets | null;
	readonly bits: number;
	readonly transport: "tcp" | "udp" | null;
	readonly ports: readonly [number, number] | null;
}

/** Few values, so that rules are often about what is asked. */
const OCTET = fc.constantFrom(0, 1, 127, 128, 255);
const IPV4 = fc.tuple(fc.constant(10), OCTET, OCTET, OCTET);
const IPV6 = fc.tuple(
	...[0x20, 1].map((byte) => fc.constant(byte)),
	...Array.from({ length: 14 }, () => OCTET),
);
const PORT = fc.constantFrom(1, 53, 80, 8000, 8050, 65_535);
const TRANSPORT = fc.constantFrom("tcp" as const, "udp" as const);
const RULE: fc.Arbitrary<Rule> = fc
	.record({
		address: fc.oneof(IPV4, IPV6),
		isAny: fc.constantFrom(true, false, false),
		bits: fc.nat(128),
		transport: fc.option(TRANSPORT),
		ports: fc.option(fc.tuple(PORT, PORT)),
	})
	.filter(({ isAny, transport, ports }) => !isAny || transport !== null || ports !== null)
	.map(({ address, isAny, bits, transport, ports }) => ({
		address: isAny ? null : address,
		bits: bits % (address.length * 8 + 1),
		transport,
		ports: ports === null ? null : [Math.min(...ports), Math.max(...ports)],
	}));
const END = fc.record({ address: fc.oneof(IPV4, IPV6), transport: TRANSPORT, port: PORT });

function addressText(octets: Octets): string {
	if (octets.length === 4) return octets.join(".");
	const groups = Array.from({ length: 8 }, (_, index) =>
		(((octets[index * 2] ?? 0) << 8) | (octets[index * 2 + 1] ?? 0)).toString(16),
	);
	return groups.join(":");
}

function ruleText({ address, bits, transport, ports }: Rule): string {
	const isWhole = address !== null && bits === address.length * 8;
	const range = address === null ? "*" : `${addressText(address)}${isWhole ? "" : `/${bits}`}`;
	const [first, last] = ports ?? [0, 0];
	const port = ports === null ? "*" : first === last ? `${first}` : `${first}-${last}`;
	return [range, ...(transport === null ? [] : [transport]), port].join(" ");
}

/** Bit for bit, as one would by hand. */
function isAbout(rule: Rule, end: { address: Octets; transport: string; port: number }): boolean {
	const bitsOf = (octets: Octets): string =>
		octets.map((octet) => octet.toString(2).padStart(8, "0")).join("");
	const { address, bits, transport, ports } = rule;
	const isIn =
		address === null ||
		(address.length === end.address.length &&
			bitsOf(address).slice(0, bits) === bitsOf(end.address).slice(0, bits));
	const [first, last] = ports ?? [1, 65_535];
	return (
		isIn &&
		(transport === null || transport === end.transport) &&
		first <= end.port &&
		end.port <= last
	);
}

test("rules leave out what they are about, and nothing else", () => {
	let excluded = 0;
	let kept = 0;
	const check = (
		rules: readonly Rule[],
		end: { address: Octets; port: number } & Pick<Rule, "transport">,
	) => {
		const expected = rules.some((rule) =>
			isAbout(rule, { ...end, transport: end.transport ?? "" }),
		);
		if (expected) excluded++;
		else kept++;
		const family = end.address.length === 4 ? ("ipv4" as const) : ("ipv6" as const);
		const subject = { ...SUBJECT, family, transport: end.transport ?? "tcp" };
		const texts = rules.map(ruleText);
		for (const values of [texts, [texts.join(",")]]) {
			const remote = compileFilter({ excludeRemote: values });
			const there = { remote_address: addressText(end.address), remote_port: end.port };
			expect(remote?.matches({ ...subject, ...there })).toBe(!expected);
			const local = compileFilter({ excludeLocal: values });
			const here = { local_address: addressText(end.address), local_port: end.port };
			expect(local?.matches({ ...subject, ...here })).toBe(!expected);
		}
	};
	// fast-check prints the seed of a run that fails.
	fc.assert(fc.property(fc.array(RULE, { minLength: 1, maxLength: 4 }), END, check), {
		numRuns: 400,
	});
	expect(Math.min(excluded, kept)).toBeGreaterThan(40);
});

test("any text is a rule or is refused with a reason", () => {
	const part = fc.constantFrom(
		...[
			"*",
			"10.0.0.1",
			"10.0.0.0/8",
			"::1",
			"::/0",
			"tcp",
			"udp",
			"80",
			"1-2",
			"0",
			" ",
			",",
			"-",
			"/",
			"!",
			"\n",
			"\0",
		],
	);
	const text = fc.oneof(
		fc.string({ unit: "binary" }),
		fc.array(part).map((parts) => parts.join(" ")),
		fc.array(part).map((parts) => parts.join("")),
	);
	fc.assert(
		fc.property(text, (rule) => {
			try {
				compileFilter({ excludeRemote: [rule] })?.matches(SUBJECT);
			} catch (error) {
				if (!(error instanceof UsageError)) throw error;
				expect(error.hint).not.toBeNull();
			}
		}),
		{ numRuns: 2000 },
	);
});
