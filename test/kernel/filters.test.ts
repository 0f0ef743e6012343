/** Filters on the built binary: what is asked for is shown, and nothing else. */

import { describe, expect } from "bun:test";
import { Conntracer } from "../support/conntracer.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { someOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { COMMANDS, expectOnly, FILTERS, Scene, untilEnded } from "../support/scene.ts";
import { totals } from "../support/traffic.ts";

for (const [command, expectExactly] of COMMANDS)
	describe(`${command[0]} shows what is asked for, exactly, and nothing else`, () => {
		for (const [name, args, sides] of someOf(FILTERS, 4))
			kernelTest(name, async () => {
				await using scene = new Scene("churn", 50, name);
				const known = await scene.ready();
				await using conntracer = await Conntracer.run(...command, ...known.here, ...args(known));
				scene.noise.go();
				scene.wanted.go();
				const { wanted, noise } = await scene.finish();
				expect(totals(noise.clients).opened).toBe(50);
				await untilEnded(conntracer, sides);
				const run = await conntracer.stop();
				expectOnly(run, sides);
				expectExactly(run, sides, wanted);
				expectNothingLost(run);
			});
	});
