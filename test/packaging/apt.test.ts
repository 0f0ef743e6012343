import { expect, test } from "bun:test";
import { parsePackage } from "../../packaging/apt.ts";

test("a package's record: what it depends on, without versions, alternatives one by one", () => {
	const record = `Package: linux-image-7.2.1-amd64
Version: 7.2.1-1
Depends: linux-base (>= 4.3~), linux-binary-7.2.1-amd64 (= 7.2.1-1), a:any | b [amd64]
Description: Linux
 Depends: not this
`;
	expect(parsePackage(record)).toEqual({
		name: "linux-image-7.2.1-amd64",
		version: "7.2.1-1",
		depends: ["linux-base", "linux-binary-7.2.1-amd64", "a", "b"],
	});
});
