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

const ofWalk = (errno: number, name: string, hook: string): LibbpfError =>
	new LibbpfError("load the BPF object", errno, name, "", { name: "walk__fold_conns", hook });
const NO_SYSCALL = ofWalk(1, "EPERM", "syscall");
const NO_ITERATOR = ofWalk(1, "EPERM", "iter/bpf_map_elem");

interface Asked {
	readonly object: MainObject;
	readonly hasWalks: boolean;
}

/** Refuses objects with these errors, one after the other. */
function loader(refusals: readonly (Error | null)[]) {
	const asked: Asked[] = [];
	const load = (object: MainObject, refusedWalks: LibbpfError | null): MainObject => {
		const refusal = refusals[asked.length] ?? null;
		asked.push({ object, hasWalks: refusedWalks === null });
		if (refusal !== null) throw refusal;
		return object;
	};
	return { asked, load };
}

const [FIRST, SECOND] = [WITH_FETCH, WITHOUT_FETCH].map((object) => ({ object, hasWalks: true }));
const FIRST_WITHOUT_WALKS = { object: WITH_FETCH, hasWalks: false };
const SECOND_WITHOUT_WALKS = { object: WITHOUT_FETCH, hasWalks: false };

afterEach(() => takeMainObject(WITH_FETCH));

describe("the second object", () => {
	test("is not asked for where the first one is taken", () => {
		const { asked, load } = loader([null]);
		expect(loadMainObject(load, true)).toBe(WITH_FETCH);
		expect<unknown>(asked).toEqual([FIRST]);
	});

	test.each([
		["its atomics", NO_FETCH],
		["its walks", NO_SYSCALL],
	])("is taken where the first one is refused for %s, and at once from then on", (_, refusal) => {
		const { asked, load } = loader([refusal, null, null]);
		expect(loadMainObject(load, true)).toBe(WITHOUT_FETCH);
		expect(loadMainObject(load, true)).toBe(WITHOUT_FETCH);
		expect<unknown>(asked).toEqual([FIRST, SECOND, SECOND]);
	});

	test("is not asked for where the first one is refused for anything else", () => {
		for (const refusal of [
			new LibbpfError("load the BPF object", 22, "EINVAL", "invalid indirect read from stack"),
			new LibbpfError("load the BPF object", 1, "EPERM", ""),
			new Error("BPF_STX uses reserved fields"),
		]) {
			const { asked, load } = loader([refusal]);
			expect(() => loadMainObject(load, false)).toThrow(refusal);
			expect<unknown>(asked).toEqual([FIRST]);
		}
	});

	test("says for itself why it is refused", () => {
		const other = new LibbpfError("load the BPF object", 3, "ESRCH", "no such hook");
		const { asked, load } = loader([NO_FETCH, other]);
		expect(() => loadMainObject(load, false)).toThrow(other);
		expect<unknown>(asked).toEqual([FIRST, SECOND]);
	});
});

describe("where no object may walk over maps", () => {
	test("who needs that is told what each was refused", () => {
		const { asked, load } = loader([NO_SYSCALL, NO_ITERATOR]);
		let thrown: unknown;
		try {
			loadMainObject(load, true);
		} catch (error) {
			thrown = error;
		}
		const program = { name: "walk__fold_conns", hook: "syscall, iter/bpf_map_elem" };
		expect(thrown).toMatchObject({ errno: 1, program });
		expect<unknown>(asked).toEqual([FIRST, SECOND]);
	});

	test("who does not need it gets the first object without", () => {
		const { asked, load } = loader([NO_SYSCALL, NO_ITERATOR, null]);
		expect(loadMainObject(load, false)).toBe(WITH_FETCH);
		expect<unknown>(asked).toEqual([FIRST, SECOND, FIRST_WITHOUT_WALKS]);
	});

	test("a kernel without atomics that fetch gets the second one without", () => {
		const { asked, load } = loader([NO_FETCH, NO_ITERATOR, null]);
		expect(loadMainObject(load, false)).toBe(WITHOUT_FETCH);
		expect<unknown>(asked).toEqual([FIRST, SECOND, SECOND_WITHOUT_WALKS]);
	});
});
