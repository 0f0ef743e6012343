import { expect, test } from "bun:test";
import { parsePasswd, uidOf } from "../../src/enrich/users.ts";

test("names of /etc/passwd have a uid; what is no entry is skipped", () => {
	const text = `root:x:0:0:root:/root:/bin/bash
www-data:x:33:33::/var/www:/usr/sbin/nologin
# a comment
+::::::
broken:x
twice:x:1001:1::/:
twice:x:1002:1::/:
`;
	expect([...parsePasswd(text)]).toEqual([
		["root", 0],
		["www-data", 33],
		["twice", 1001],
	]);
});

test("root is known here, nobody else by a name that cannot be", () => {
	expect(uidOf("root")).toBe(0);
	expect(uidOf("no:such:user")).toBeNull();
});
