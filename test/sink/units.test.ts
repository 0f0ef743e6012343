import { expect, test } from "bun:test";
import { humanAmount, humanCount, humanMicroseconds } from "../../src/sink/units.ts";

test.each([
	[0, "0"],
	[0.017, "<1"],
	[1, "1"],
	[1.4, "1"],
	[999, "999"],
	[999.4, "999"],
	[999.5, "1.0k"],
	[1000, "1.0k"],
	[1234, "1.2k"],
	[9949, "9.9k"],
	[9950, "10k"],
	[34_567, "35k"],
	[999_499, "999k"],
	[999_500, "1.0M"],
	[5_600_000, "5.6M"],
	[1e9, "1.0G"],
	[1.5e12, "1.5T"],
	[Number.MAX_SAFE_INTEGER, "9.0P"],
])("an amount of %d is %s", (amount, text) => {
	expect(humanAmount(amount)).toBe(text);
});

test.each([
	[0, "0"],
	[99_999, "99999"],
	[100_000, "100k"],
	[1_234_567, "1.2M"],
])("a count of %d is %s", (count, text) => {
	expect(humanCount(count)).toBe(text);
});

test.each([
	[0, "0µs"],
	[850, "850µs"],
	[999.4, "999µs"],
	[999.6, "1.0ms"],
	[1234, "1.2ms"],
	[9949, "9.9ms"],
	[9950, "10ms"],
	[34_400, "34ms"],
	[999_499, "999ms"],
	[999_500, "1.0s"],
	[5_600_000, "5.6s"],
])("%d microseconds are %s", (us, text) => {
	expect(humanMicroseconds(us)).toBe(text);
});
