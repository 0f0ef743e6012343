import { describe, expect } from "bun:test";
import { Accounted, expectNothingLost, isEnd } from "../support/accounted.ts";
import { Conntracer } from "../support/conntracer.ts";
import { accountingTest } from "../support/root.ts";
import { until } from "../support/until.ts";

describe("--sysctl", () => {
	const OFF = { nf_conntrack_acct: "0", nf_conntrack_timestamp: "0" };
	const NAMES = ["nf_conntrack_acct", "nf_conntrack_timestamp"] as const;
	const [BOTH, NEITHER] = [
		["1", "1"],
		["0", "0"],
	];
	const valuesOf = ({ conntrack }: Accounted): string[] =>
		NAMES.map((name) => conntrack.sysctl(name));

	accountingTest("has flows counted, and is undone at the end", async () => {
		await using accounted = new Accounted(OFF);
		await accounted.start("--sysctl");
		expect(valuesOf(accounted)).toEqual(BOTH);
		await accounted.connect("ipv4", 2);
		const run = await accounted.end(2);
		expectNothingLost(run);
		for (const end of run.accounts.filter(isEnd)) {
			expect(end.packets_original).toBeGreaterThan(3);
			expect(end.started).not.toBeNull();
		}
		expect(valuesOf(accounted)).toEqual(NEITHER);
	});

	accountingTest("leaves what was on, and what somebody else has set since", async () => {
		await using accounted = new Accounted({ ...OFF, nf_conntrack_timestamp: "1" });
		await accounted.start("--sysctl");
		accounted.conntrack.sysctl("nf_conntrack_acct", "0");
		accounted.conntrack.sysctl("nf_conntrack_acct", "1");
		accounted.conntrack.sysctl("nf_conntrack_timestamp", "0");
		await accounted.conntracer.stop();
		expect(valuesOf(accounted)).toEqual(NEITHER);
	});

	accountingTest("is undone by the last of several, and by the next after a kill", async () => {
		await using accounted = new Accounted(OFF);
		const args = ["accounting", "--netns", String(accounted.pair.numbers()[0])];
		await using first = await Conntracer.run(...args, "--sysctl");
		await using second = await Conntracer.run(...args, "--sysctl");
		await first.stop();
		expect(valuesOf(accounted)).toEqual(BOTH);
		await second.stop("SIGKILL");
		expect(valuesOf(accounted)).toEqual(BOTH);
		await using next = await Conntracer.run(...args, "--sysctl");
		expect(valuesOf(accounted)).toEqual(BOTH);
		await next.stop("SIGKILL");
		await using other = await Conntracer.run(...args);
		expect(valuesOf(accounted)).toEqual(NEITHER);
		await other.stop();
	});

	accountingTest("is in namespaces that come later, too", async () => {
		await using conntracer = await Conntracer.run("accounting", "--sysctl");
		await using accounted = new Accounted(null);
		const soFar = (): unknown => valuesOf(accounted);
		const areBothSet = (): boolean => Bun.deepEquals(soFar(), BOTH);
		await until("both sysctls to be set", areBothSet, { everyMs: 100, soFar });
		await conntracer.stop();
		expect(valuesOf(accounted)).toEqual(NEITHER);
	});
});
