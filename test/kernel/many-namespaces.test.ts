/** Network namespaces that come and go, more of them than the table has room for. */

import { expect } from "bun:test";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, gapsOf, summaryOf } from "../support/conntracer.ts";
import { hostTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { names: NAMES } = ownPrograms("mns");
/** The table has 8,192 entries. */
const COUNT = 10_000;

hostTest(`${COUNT} of them leave room for the next one, and are all in the summary`, async () => {
	const args = ["watch", "--transport", "tcp", "-i", "5s", "--strict"];
	await using conntracer = await Conntracer.run(...args);
	const worlds = Bun.spawn([cProgram("worlds"), `${COUNT}`], { stdout: "pipe" });
	expect(await new Response(worlds.stdout).text()).toBe(`${COUNT}\n`);
	await runTraffic(["churn", "--count", "100", ...NAMES]);
	const { records, exitCode } = await conntracer.stop();
	expect(gapsOf(records)).toEqual([]);
	expect(exitCode).toBe(0);
	const { seen, kernel, unverified } = summaryOf(records);
	expect(unverified).toMatchObject({ active_opens: COUNT, attempt_fails: COUNT });
	expect(seen).toEqual(kernel);
	expect(seen.active_opens).toBeGreaterThanOrEqual(100);
});
