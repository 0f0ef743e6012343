import { afterEach, describe, expect, test } from "bun:test";
import { LibbpfError } from "../../src/errors.ts";
import {
	loadMainObject,
	type MainObject,
	takeMainObject,
	WITH_FETCH,
	WITHOUT_FETCH,
} from "../../src/trace/main-object.ts";

/** As libbpf 1.1 says it on Linux 5.10. */
const NO_FETCH = new LibbpfError(
	...(["load the BPF object", 22, "EINVAL"] as const),
	"32: (db) r0 = atomic64_fetch_add((u64 *)(r1 + 0), r0); BPF_STX uses reserved fields",
);

/** Refuses objects with these errors, one after the other. */
function loader(refusals: readonly (Error | null)[]) {
	const asked: MainObject[] = [];
	const load = (object: MainObject): MainObject => {
		const refusal = refusals[asked.length] ?? null;
		asked.push(object);
		if (refusal !== null) throw refusal;
		return object;
	};
	return { asked, load };
}

afterEach(() => takeMainObject(WITH_FETCH));

describe("the second object", () => {
	test("is not asked for where the first one is taken", () => {
		const { asked, load } = loader([null]);
		expect(loadMainObject(load)).toBe(WITH_FETCH);
		expect(asked).toEqual([WITH_FETCH]);
	});

	test("is taken where the first one is refused for its atomics, and at once from then on", () => {
		const { asked, load } = loader([NO_FETCH, null, null]);
		expect(loadMainObject(load)).toBe(WITHOUT_FETCH);
		expect(loadMainObject(load)).toBe(WITHOUT_FETCH);
		expect(asked).toEqual([WITH_FETCH, WITHOUT_FETCH, WITHOUT_FETCH]);
	});

	test("is not asked for where the first one is refused for anything else", () => {
		for (const refusal of [
			new LibbpfError("load the BPF object", 22, "EINVAL", "invalid indirect read from stack"),
			new LibbpfError("load the BPF object", 1, "EPERM", ""),
			new Error("BPF_STX uses reserved fields"),
		]) {
			const { asked, load } = loader([refusal]);
			expect(() => loadMainObject(load)).toThrow(refusal);
			expect(asked).toEqual([WITH_FETCH]);
		}
	});

	test("says for itself why it is refused", () => {
		const other = new LibbpfError("load the BPF object", 3, "ESRCH", "no such hook");
		const { asked, load } = loader([NO_FETCH, other]);
		expect(() => loadMainObject(load)).toThrow(other);
		expect(asked).toEqual([WITH_FETCH, WITHOUT_FETCH]);
	});
});
