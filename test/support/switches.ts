/** Whether the kernel runs tracing programs while process 1 is current. */

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { MappedRegion } from "../../src/ffi/libc.ts";
import { Libbpf } from "../../src/ffi/library.ts";
import { OpenObject } from "../../src/ffi/object.ts";
import { bundledLibraries } from "../../src/trace/assets.ts";
import { bpfObject } from "./bpf-object.ts";
import { until } from "./until.ts";

export interface Switches {
	/** Another process is current when a CPU switches to it, and it is when the CPU switches away. */
	readonly to: number;
	readonly from: number;
}

/** Counts the switches of CPUs to a process and away from it, with a program at sched_switch. */
export class SwitchCounter implements Disposable {
	readonly #owned = new DisposableStack();
	readonly #memory: MappedRegion;

	constructor(pid: number) {
		using owned = new DisposableStack();
		const library = Libbpf.open(null, bundledLibraries);
		const bytes = readFileSync(bpfObject("switches"));
		using open = OpenObject.open(library, bytes, { name: "switches", btfPath: null });
		open.setConstants(".rodata.watched", new Uint8Array(Int32Array.of(pid).buffer));
		const loaded = owned.use(open.load((all) => all));
		this.#memory = loaded.map("switches", 4, 8).mapMemory();
		owned.defer(() => this.#memory.close());
		owned.use(loaded.program("tp__sched_switch").attach());
		this.#owned = owned.move();
	}

	/** What is in `from` by the time of a switch in `to` is read, too. */
	read(): Switches {
		const count = (index: number): number =>
			Number(this.#memory.view.getBigUint64(8 * index, true));
		const to = count(0);
		return { to, from: count(1) };
	}

	[Symbol.dispose](): void {
		this.#owned.dispose();
	}
}

/** One whose parent is gone: process 1 is woken to see to its end. */
function makeOrphan(): void {
	const silent = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
	Bun.spawnSync(["sh", "-c", "sleep 0.01 &"], silent);
}

/**
 * Some hardened kernels pass over every tracing program while process 1 is current, and count it
 * nowhere. It is on one CPU for each of its threads at most: after more switches to it than there are
 * CPUs, there was one away from it.
 * @throws where the kernel lets nobody see, or process 1 does not run
 */
export async function hidesProcess1(): Promise<boolean> {
	using counter = new SwitchCounter(1);
	const tell = (): "hidden" | "seen" | null => {
		makeOrphan();
		const { to, from } = counter.read();
		if (from > 0) return "seen";
		return to > cpus().length ? "hidden" : null;
	};
	const patience = { withinMs: 10_000, soFar: () => counter.read() };
	return (await until("process 1 to run", tell, patience)) === "hidden";
}
