import { expect, test } from "bun:test";
import { selectFamilies, selectKernels } from "./kernels.ts";

test("kernels are selected by name, oldest first", () => {
	expect(selectKernels("sid,5.10").map(({ name }) => name)).toEqual(["5.10", "sid"]);
	expect(selectKernels("all").length).toBeGreaterThan(3);
});

test.each(["6.2", "", "6.1,"])("--kernels %j is refused", (list) => {
	expect(() => selectKernels(list)).toThrow("must be all, or of 5.10, 6.1, 6.12, sid");
});

test("a hook family that there is none of is refused", () => {
	expect(() => selectFamilies("auto")).toThrow("--hooks auto: must be all, or of tracepoint");
});
