/** Names that files of the system have for numbers. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServices, serviceLookup } from "../../src/enrich/services.ts";
import { userLookup } from "../../src/enrich/users.ts";

const directory = mkdtempSync(join(tmpdir(), "conntracer-names-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const newPath = (): string => join(directory, `${++files}`);

class Clock {
	ms = 0;
	readonly now = (): number => this.ms;
}

describe("users", () => {
	test("have the first name of their uid", () => {
		const path = newPath();
		writeFileSync(path, "root:x:0:0::/:\ntoor:x:0:0::/:\nweb:x:33:33::/:\nbad:x:-1:0::/:\n");
		const userOf = userLookup(path);
		expect([0, 33, 1000, -1].map(userOf)).toEqual(["root", "web", null, null]);
	});

	test("have another name once the file has changed, at most a second later", () => {
		const [path, next] = [newPath(), newPath()];
		const clock = new Clock();
		const userOf = userLookup(path, clock);
		expect(userOf(1)).toBeNull();
		writeFileSync(path, "one:x:1:1::/:\n");
		clock.ms = 999;
		expect(userOf(1)).toBeNull();
		clock.ms = 1000;
		expect(userOf(1)).toBe("one");
		// As useradd does: another file takes its place.
		writeFileSync(next, "two:x:1:1::/:\n");
		renameSync(next, path);
		clock.ms = 2000;
		expect(userOf(1)).toBe("two");
		rmSync(path);
		clock.ms = 3000;
		expect(userOf(1)).toBeNull();
	});

	test("have none where the file is larger than anybody needs", () => {
		const path = newPath();
		writeFileSync(path, `one:x:1:1::/:\n${"#".repeat(1000)}`);
		expect(userLookup(path, { mostBytes: 1014 })(1)).toBe("one");
		expect(userLookup(path, { mostBytes: 1013 })(1)).toBeNull();
	});

	test("of this machine: root is 0", () => {
		expect(userLookup()(0)).toBe("root");
	});
});

describe("services", () => {
	const TEXT = `# Network services
https		443/tcp				# http protocol over TLS/SSL
https		443/udp				# HTTP/3
domain		53/tcp
domain		53/udp
www 80/TCP http
other 80/tcp
sctp-only 2905/sctp
broken
x y/tcp
 indented	0007/tcp
#commented 9/tcp
\x1b[2J	9/udp
`;
	test("have a name for each transport; the first one counts", () => {
		expect([...parseServices(TEXT)]).toEqual([
			["443/tcp", "https"],
			["443/udp", "https"],
			["53/tcp", "domain"],
			["53/udp", "domain"],
			["80/tcp", "www"],
			["7/tcp", "indented"],
			["9/udp", "\x1b[2J"],
		]);
	});

	test("are looked for in the file, and have no name where there is none", () => {
		const path = newPath();
		writeFileSync(path, TEXT);
		const serviceOf = serviceLookup(path);
		expect(serviceOf(443, "udp")).toBe("https");
		expect(serviceOf(80, "udp")).toBeNull();
		expect(serviceLookup(newPath())(443, "tcp")).toBeNull();
	});
});
