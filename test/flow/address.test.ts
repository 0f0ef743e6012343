import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import { addressText, familyOf, parseCidr, readAddress } from "../../src/flow/address.ts";
import type { Family } from "../../src/flow/records.ts";

function bytes(hex: string): Uint8Array {
	return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

describe("the text of an address", () => {
	test.each<[string, string, string, Family]>([
		["IPv4", "00000000 00000000 0000ffff c0a8010a", "192.168.1.10", "ipv4"],
		["IPv4 of zeros", "00000000 00000000 0000ffff 00000000", "0.0.0.0", "ipv4"],
		["IPv4 broadcast", "00000000 00000000 0000ffff ffffffff", "255.255.255.255", "ipv4"],
		["unspecified", "00000000 00000000 00000000 00000000", "::", "ipv6"],
		["loopback", "00000000 00000000 00000000 00000001", "::1", "ipv6"],
		[
			"no zeros",
			"20010db8 85a308d3 13198a2e 03707348",
			"2001:db8:85a3:8d3:1319:8a2e:370:7348",
			"ipv6",
		],
		["the longest run", "20010000 00000001 00000000 00000001", "2001:0:0:1::1", "ipv6"],
		["the first of equal runs", "20010db8 00000000 00010000 00000001", "2001:db8::1:0:0:1", "ipv6"],
		[
			"a single zero group stays",
			"20010db8 00000001 00010001 00010001",
			"2001:db8:0:1:1:1:1:1",
			"ipv6",
		],
		["a run at the end", "00010002 00030004 00050006 00000000", "1:2:3:4:5:6::", "ipv6"],
		["a zero at the end", "00010002 00030004 00050006 00070000", "1:2:3:4:5:6:7:0", "ipv6"],
		["a zero at the start", "00000002 00030004 00050006 00070008", "0:2:3:4:5:6:7:8", "ipv6"],
		["lower case", "abcdef00 00000000 00000000 0000000f", "abcd:ef00::f", "ipv6"],
		["IPv4-compatible is IPv6", "00000000 00000000 00000000 01020304", "::102:304", "ipv6"],
		["NAT64 is IPv6", "0064ff9b 00000000 00000000 01020304", "64:ff9b::102:304", "ipv6"],
		[
			"ffff one group early is IPv6",
			"00000000 00000000 ffff0000 01020304",
			"::ffff:0:102:304",
			"ipv6",
		],
		[
			"not all zeros before ffff",
			"00000000 00000000 0001ffff 01020304",
			"::1:ffff:102:304",
			"ipv6",
		],
	])("%s", (_, hex, text, family) => {
		expect(addressText(bytes(hex))).toBe(text);
		expect(familyOf(bytes(hex))).toBe(family);
	});

	test("is read from a view into a larger buffer", () => {
		const buffer = bytes(`ffffffff 00000000 00000000 0000ffff 0a000001 ffffffff`);
		expect(addressText(buffer.subarray(4, 20))).toBe("10.0.0.1");
	});

	test("of any IPv6 address is what a URL makes of it", () => {
		const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
		const groups = fc.array(group, { minLength: 8, maxLength: 8 });
		fc.assert(
			fc.property(groups, (found) => {
				fc.pre(!(found.slice(0, 5).every((g) => g === 0) && found[5] === 0xffff));
				const input = found.map((g) => g.toString(16));
				const hex = input.map((g) => g.padStart(4, "0")).join("");
				const host = new URL(`http://[${input.join(":")}]/`).hostname;
				expect(`[${addressText(bytes(hex))}]`).toBe(host);
			}),
		);
	});
});

describe("a range of addresses", () => {
	test.each([
		["10.0.0.1", "10.0.0.1", true],
		["10.0.0.1", "10.0.0.2", false],
		["10.0.0.0/8", "10.255.0.1", true],
		["10.0.0.0/8", "11.0.0.1", false],
		["10.1.2.3/8", "10.9.9.9", true],
		["10.0.0.128/25", "10.0.0.127", false],
		["0.0.0.0/0", "203.0.113.9", true],
		["0.0.0.0/0", "::1", false],
		["::1", "::1", true],
		["::1", "::2", false],
		["::/0", "2001:db8::1", true],
		["::/0", "10.0.0.1", false],
		["2001:db8::/33", "2001:db8:7fff::1", true],
		["2001:db8::/33", "2001:db8:8000::1", false],
		["2001:DB8:0:0:0:0:0:1", "2001:db8::1", true],
		["::ffff:10.0.0.1", "10.0.0.1", true],
		["::ffff:a00:1", "10.0.0.1", true],
		["::ffff:10.0.0.0/104", "10.200.0.1", true],
		["::ffff:10.0.0.0/104", "11.0.0.1", false],
		["::ffff:0:0/96", "203.0.113.9", true],
		["::1.2.3.4", "::102:304", true],
		["::1.2.3.4", "1.2.3.4", false],
		["64:ff9b::1.2.3.4", "64:ff9b::102:304", true],
	])("%s and %s: %p", (range, address, expected) => {
		const read = readAddress(address);
		expect(read !== null && parseCidr(range, "--remote").contains(read)).toBe(expected);
	});

	test.each([
		[""],
		["potato"],
		["example.org"],
		["1.2.3"],
		["1"],
		["0x7f.1"],
		["010.0.0.1"],
		["1.2.3.256"],
		["1.2.3.4/33"],
		["1.2.3.4/"],
		["1.2.3.4/-1"],
		["1.2.3.4/8/8"],
		["1.2.3.4/255.0.0.0"],
		["::1/129"],
		[":::"],
		["fe80::1%eth0"],
		["[::1]"],
		["::ffff:1.2.3.4/64"],
		["10.0.0.1:80"],
	])("%p is refused, with the option and an example", (range) => {
		const parse = () => parseCidr(range, "--remote");
		expect(parse).toThrow(UsageError);
		expect(parse).toThrow(`--remote ${JSON.stringify(range)} `);
		try {
			parse();
		} catch (error) {
			expect(error instanceof UsageError && error.hint).toContain("--remote 10.0.0.0/8");
		}
	});
});
