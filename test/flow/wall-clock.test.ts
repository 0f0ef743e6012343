import { expect, test } from "bun:test";
import { WallClock } from "../../src/flow/wall-clock.ts";
import { clocksOf } from "../support/clocks.ts";

test.each([
	[0n, 0, "1970-01-01T00:00:00.000000000Z"],
	[0n, 1, "1970-01-01T00:00:00.000000001Z"],
	[0n, 999_999_999, "1970-01-01T00:00:00.999999999Z"],
	[0n, 1_000_000_000, "1970-01-01T00:00:01.000000000Z"],
	// The nanoseconds of both add up to more than a second.
	[1_700_000_000_999_999_999n, 1, "2023-11-14T22:13:21.000000000Z"],
	[1_700_000_000_600_000_000n, 3_600_000_500, "2023-11-14T22:13:24.200000500Z"],
	[1_700_000_000_000_000_000n, -1, "2023-11-14T22:13:19.999999999Z"],
])("where the clock showed %d, %d ns later it is %s", (realtimeNs, since, text) => {
	expect(new WallClock(clocksOf({ realtimeNs })).text(since)).toBe(text);
});

test("a time of an earlier second is right after one of a later", () => {
	const clock = new WallClock(clocksOf({}));
	expect(clock.text(5_000_000_001)).toBe("1970-01-01T00:00:05.000000001Z");
	expect(clock.text(4_999_999_999)).toBe("1970-01-01T00:00:04.999999999Z");
	expect(clock.text(5_000_000_002)).toBe("1970-01-01T00:00:05.000000002Z");
});
