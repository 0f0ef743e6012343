/**
 * Operations on hash tables for each connection, as the kernel's function tracer sees them: counts,
 * not times. A change that makes one of them larger has to say why here.
 */

import { expect } from "bun:test";
import { Conntracer } from "../support/conntracer.ts";
import { FunctionTrace } from "../support/function-trace.ts";
import { seesAccept } from "../support/hooks.ts";
import { guestTest, isOlderThan } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { names: NAMES } = ownPrograms("ops");
const COUNT = 500;
/** Of all others on the machine meanwhile. */
const OTHERS = 200;

const LOOKUP = "__htab_map_lookup_elem";
const UPDATE = "htab_map_update_elem";
const DELETE = "htab_map_delete_elem";

/** Both ends, whole life. */
const MOST: Readonly<Record<string, number>> = {
	[LOOKUP]: seesAccept() ? 14 : 13,
	[UPDATE]: 2,
	// Without compare-and-swap, each end says that it adds the last amounts: see bpf/claim.h.
	[DELETE]: isOlderThan("5.12") ? 4 : 2,
};

guestTest(
	"a connection is so many operations on hash tables, and no more",
	"its kernel may refuse to trace functions",
	async () => {
		using trace = new FunctionTrace(Object.keys(MOST));
		await using conntracer = await Conntracer.start("--transport", "tcp");
		trace.start();
		await runTraffic(["churn", "--count", `${COUNT}`, ...NAMES]);
		await conntracer.untilClosed(COUNT, () => true);
		const counts = trace.stop(/^bpf_prog_/);
		await conntracer.stop();
		for (const [name, most] of Object.entries(MOST)) {
			const count = counts.get(name) ?? 0;
			expect({ name, count }).toEqual({ name, count: expect.any(Number) });
			expect(count).toBeGreaterThanOrEqual(most * COUNT);
			expect(count).toBeLessThan(most * COUNT + OTHERS);
		}
	},
);
