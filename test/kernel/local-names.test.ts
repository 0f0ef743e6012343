/** Names of this machine, on the built binary: user, unit, container and service. */

import { describe, expect } from "bun:test";
import { runShell } from "../support/conntracer.ts";
import { parseCsv } from "../support/csv.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";
import { AS_OWN_USER, OWN_UID, OwnCgroup } from "../support/whereabouts.ts";

const { client, server, names } = ownPrograms("ln");
const COLUMNS = "process,direction,user,unit,container_id,uid";
const OWN = ["--columns", COLUMNS, "--process", client, "--process", server, "--no-header"];

const hex = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
const distinct = (csv: string): string[] => [...new Set(parseCsv(csv).map(String))].sort();

for (const [who, prefix, user, uid] of [
	["root", [], "root", 0],
	["a user without a name", AS_OWN_USER, "", OWN_UID],
] as const)
	describe(`of ${who}, in a container of a runtime with systemd's driver`, () => {
		const expected = (unit: string, container: string): string[] =>
			[
				[client, "active", user, unit, container, uid],
				[server, "passive", user, unit, container, uid],
			]
				.map(String)
				.sort();

		kernelTest("list, watch and top have its unit, its container and its user", async () => {
			const container = hex();
			const unit = `docker-${container}.scope`;
			await using cgroup = new OwnCgroup(unit);
			await using traffic = new Traffic(
				["hold", "--count", "3", "--wait", ...names],
				[...cgroup.prefix, ...prefix],
			);
			await traffic.ready();
			traffic.go();
			await traffic.held();
			for (const command of ["list", "watch -i 250ms -n 2", "top -i 250ms -n 2 --by connection"]) {
				const run = runShell(`"$CONNTRACER" ${command} -o csv ${OWN.join(" ")}`);
				expect(run.stderr.replace(/^conntracer: .*\n/gm, "")).toBe("");
				expect(distinct(run.stdout)).toEqual(expected(unit, container));
			}
			traffic.go();
			await traffic.finish();
		});
	});
