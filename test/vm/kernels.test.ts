import { expect, test } from "bun:test";
import {
	familiesOn,
	nameOn,
	selectArchitecture,
	selectFamilies,
	selectKernels,
} from "./kernels.ts";

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

test("an architecture is one that there is, alone", () => {
	expect(selectArchitecture("arm64")).toBe("arm64");
	for (const name of ["riscv64", "amd64,arm64", "all", ""])
		expect(() => selectArchitecture(name)).toThrow(`--arch ${name}: `);
});

test("a kernel of another architecture than x86-64 has it in its name", () => {
	expect([nameOn("amd64", "6.1"), nameOn("arm64", "6.1")]).toEqual(["6.1", "6.1 arm64"]);
});

test("on arm64 there is no fentry before 6.4", () => {
	const all = selectFamilies("all");
	const without = selectKernels("all").filter(
		(kernel) => !familiesOn("arm64", kernel, all).includes("fentry"),
	);
	expect(without.map(({ name }) => name)).toEqual(["5.10", "6.1"]);
	for (const kernel of selectKernels("all")) expect(familiesOn("amd64", kernel, all)).toEqual(all);
});
