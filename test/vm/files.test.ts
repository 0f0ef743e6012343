import { expect, test } from "bun:test";
import { filesFor, selectFiles } from "./files.ts";

const LIST = "test/kernel/list.test.ts";
const CHURN = "test/kernel/churn.test.ts";

test("files are selected by what is in their path", () => {
	expect(selectFiles(["kernel/churn", "list.test"])).toEqual([CHURN, LIST]);
	expect(selectFiles(["no such file"])).toEqual([]);
});

test("what is about user space alone is not run, however it is called", () => {
	expect(selectFiles([])).toContain(CHURN);
	expect(selectFiles(["kernel/top"])).toEqual([]);
});

test("what is the same with any family is run with the first one", () => {
	expect(filesFor([CHURN, LIST], true)).toEqual([CHURN, LIST]);
	expect(filesFor([CHURN, LIST], false)).toEqual([CHURN]);
});
