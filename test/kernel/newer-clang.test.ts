/** A newer compiler lays out stacks and branches in another way: the verifier has to take that, too. */

import { afterEach, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileBpf, OBJECTS } from "../../packaging/machine-code.ts";
import { hostTarget } from "../../packaging/target.ts";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { EVERY_EVENT_NAME } from "../../src/trace/event-types.ts";
import { FlowTracer } from "../../src/trace/flow-tracer.ts";
import { takeMainObject, WITH_FETCH, WITHOUT_FETCH } from "../../src/trace/main-object.ts";
import { IN_GUEST } from "../support/guest.ts";
import { guestTest, hostTest } from "../support/root.ts";

/** The build takes the one that Debian 12 calls clang, which is 14. */
const CLANG = ["clang-19", "clang-17", "clang-16"].find((name) => Bun.which(name) !== null);

afterEach(() => takeMainObject(WITH_FETCH));

const MAIN = { "conntracer.bpf": WITH_FETCH, "without-fetch.bpf": WITHOUT_FETCH } as const;

/** Skipped, and said so, on a machine without one. */
const declare = (name: string, body: () => Promise<void>): void =>
	CLANG === undefined && !IN_GUEST
		? guestTest(name, "no newer clang is installed", body)
		: hostTest(name, body);

for (const [name, object] of Object.entries(MAIN))
	declare(`${name} of a newer clang is loaded, with all its programs`, async () => {
		const source = OBJECTS.find((one) => one.name === name);
		if (source === undefined) throw new Error(`no object is called ${name}`);
		const directory = mkdtempSync(join(tmpdir(), "conntracer-clang-"));
		try {
			const bytes = readFileSync(compileBpf(source, hostTarget(), directory, CLANG));
			takeMainObject({ ...object, bytes: () => bytes });
			using flows = FlowTracer.open();
			using events = EventTracer.open({ events: EVERY_EVENT_NAME, showsOpen: true });
			for (const { ready } of [flows, events]) expect(ready.hooks["map_walks"]).toBe(object.walks);
		} finally {
			rmSync(directory, { recursive: true });
		}
	});
