/**
 * The bench on other kernels, in virtual machines, beside tools that need kprobes as well:
 * `./dev bench --kernels 6.12 [PART…]`. Markdown on stdout; without parts also in
 * bench/results-KERNEL.md. A machine is emulated: what it says holds as a ratio, at most.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { say } from "../packaging/shell.ts";
import { hostTarget } from "../packaging/target.ts";
import { runGuest, SHARE, shareOf } from "../test/vm/guest.ts";
import { type DebianKernel, selectKernels } from "../test/vm/kernels.ts";
import { type PreparedKernel, prepareKernel } from "../test/vm/prepare.ts";
import { installPeers } from "./peers.ts";

const ROOT = resolve(import.meta.dir, "..");
const LONGEST_MS = 1_800_000;
/** Of the operations of a load on the host: emulation is that much slower. */
const SCALE = 0.05;
const DEFAULT_PARTS = ["connect", "bpf"];

const { values: options, positionals } = parseArgs({
	options: { kernels: { type: "string", default: "6.12" } },
	allowPositionals: true,
});

function jobScript(parts: readonly string[]): string {
	return `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME='${process.env["HOME"] ?? "/root"}'
cd '${ROOT}'
'${process.execPath}' bench/run.ts --quick --scale ${SCALE} ${parts.join(" ")} >${SHARE}/results.md 2>${SHARE}/errors
`;
}

/** What the run wrote; null where the guest has died. */
async function runIn(prepared: PreparedKernel, parts: readonly string[]): Promise<string | null> {
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-bench-vm-"));
	try {
		mkdirSync(shareOf(scratch));
		const said = await runGuest(prepared, {
			script: jobScript(parts),
			files: { root: "/", shared: [] },
			scratch,
			signal: AbortSignal.timeout(LONGEST_MS),
		});
		if (said !== null) {
			say(`${prepared.name}: the guest died:\n${said}`);
			return null;
		}
		const [text, errors] = ["results.md", "errors"].map((name) =>
			readFileSync(join(shareOf(scratch), name), "utf8"),
		);
		if (text === undefined || text === "") throw new Error(`${prepared.name}: ${errors}`);
		return text;
	} finally {
		rmSync(scratch, { recursive: true });
	}
}

/** A guest that dies, as one in some hundred does, is started again, once. */
async function bench(kernel: DebianKernel, parts: readonly string[]): Promise<string> {
	const prepared = prepareKernel(kernel, hostTarget().architecture);
	say(`${prepared.name} is ${prepared.release}`);
	const text = (await runIn(prepared, parts)) ?? (await runIn(prepared, parts));
	if (text === null) throw new Error(`${prepared.name}: the guest died twice`);
	return text;
}

installPeers();
for (const kernel of selectKernels(options.kernels)) {
	const text = await bench(kernel, positionals.length > 0 ? positionals : DEFAULT_PARTS);
	// Plots are those of the host.
	const plain = text.replace(/^!\[.*\n/gm, "").replace(/\n{3,}/g, "\n\n");
	if (positionals.length === 0)
		writeFileSync(join(import.meta.dir, `results-${kernel.name}.md`), `${plain.trimEnd()}\n`);
	process.stdout.write(plain);
}
