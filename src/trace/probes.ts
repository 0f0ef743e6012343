/** How the programs and tables of a kernel side fare, for who asks. */

import { sysctl } from "../enrich/procfs.ts";
import { isNamedIn, KERNEL_TYPES } from "../enrich/sysfs.ts";
import { LibbpfError } from "../errors.ts";
import type { BpfIterator } from "../ffi/iterator.ts";
import type { Libbpf } from "../ffi/library.ts";
import type { BpfLink } from "../ffi/link.ts";
import type { BpfMap } from "../ffi/map.ts";
import { type LoadedObject, OpenObject } from "../ffi/object.ts";
import type { BpfProgram } from "../ffi/program.ts";
import type { ProbeMap, ProbeProgram } from "../flow/probe-stats.ts";
import { mapCount } from "../maps/structs.ts";
import { countsObject } from "./assets.ts";
import { openOptions } from "./refusal.ts";

const RING_BUFFER = "ringbuf";
/** enum bpf_map_type, as far as our maps are of it. */
const TYPES: Readonly<Record<number, string>> = {
	...{ 1: "hash", 2: "array", 3: "prog_array", 5: "percpu_hash", 6: "percpu_array" },
	...{ 9: "lru_hash", 22: "queue", 27: RING_BUFFER },
};
/** Of these the kernel counts the entries. */
const HASHES: ReadonlySet<string> = new Set(["hash", "percpu_hash", "lru_hash"]);
const COUNTER = "iter__count_entries";
const COUNTING = "bpf_map_sum_elem_count";
/** User space runs these, whenever it likes. */
const RUN_BY_US: ReadonlySet<string> = new Set(["iter", "syscall"]);

interface Known extends Omit<ProbeMap, "entries"> {
	readonly id: number;
}

/** What there is of a kernel side to ask about. */
export interface Probed {
	readonly libbpf: Libbpf;
	readonly object: LoadedObject;
	readonly btfPath: string | null;
	readonly programs: readonly BpfProgram[];
	/** Those that come later included, and those that are gone. */
	readonly links: readonly BpfLink[];
}

export class Probes implements Disposable {
	readonly #probed: Probed;
	readonly #owned = new DisposableStack();
	#maps: readonly Known[] | null = null;
	/** Null: this kernel does not count, or did not let us ask. */
	#counter: BpfIterator | null | undefined;
	/** As of the last moment before the links went. */
	#kprobeMisses: ReadonlyMap<string, number> | null = null;

	constructor(probed: Probed) {
		this.#probed = probed;
	}

	/**
	 * Two system calls for a kprobe, one for another program.
	 *
	 * @param isCounted whether we have the runs counted
	 */
	programs(isCounted: boolean): ProbeProgram[] {
		const attached = new Set(this.#probed.links.map(({ name }) => name));
		const kprobeMisses = this.#kprobeMisses ?? this.#missesOfLinks();
		const all = this.#probed.programs.map((program) => ({ program, stats: program.stats() }));
		const isKnown =
			isCounted ||
			sysctl("kernel.bpf_stats_enabled") === 1 ||
			all.some(({ stats }) => stats.runs > 0);
		return all.map(({ program: { name, section }, stats: { runs, runTimeNs, misses } }) => {
			const isAttached = attached.has(name) || RUN_BY_US.has(section.split("/", 1)[0] ?? "");
			return {
				...{ name, hook: section, attached: isAttached },
				...{ runs: isKnown && isAttached ? runs : null },
				...{ run_time_ns: isKnown && isAttached ? runTimeNs : null },
				...{ recursion_misses: misses, kprobe_misses: kprobeMisses.get(name) ?? null },
			};
		});
	}

	/**
	 * Three system calls and a read of 16 bytes for each map of the system, however full they are. The
	 * first call loads a program: not after rights are given up, or there are no entries.
	 */
	maps(): ProbeMap[] {
		this.#counter ??= this.#loadCounter();
		this.#maps ??= this.#probed.object.maps().map(known).filter(isTable);
		const counts = this.#counts();
		return this.#maps.map(({ id, ...map }) => {
			return { ...map, entries: HASHES.has(map.type) ? (counts?.get(id) ?? null) : null };
		});
	}

	/** Before the links go: they alone tell. */
	noteMisses(): void {
		this.#kprobeMisses ??= this.#missesOfLinks();
	}

	#missesOfLinks(): ReadonlyMap<string, number> {
		const found = new Map<string, number>();
		for (const link of this.#probed.links) {
			const misses = link.kprobeMisses();
			if (misses !== null) found.set(link.name, misses);
		}
		return found;
	}

	#counts(): ReadonlyMap<number, number> | null {
		if (this.#counter === null || this.#counter === undefined) return null;
		const counts = new Map<number, number>();
		this.#counter.read((records) => {
			for (let at = 0; at < records.byteLength; at += mapCount.size) {
				const { id, entries } = mapCount.read(records, at, mapCount.zero());
				counts.set(id, entries);
			}
		});
		return counts;
	}

	/** A kernel that does not count is not an error, and neither is one that does not let us ask. */
	#loadCounter(): BpfIterator | null {
		const { libbpf, btfPath } = this.#probed;
		if (!isNamedIn(btfPath ?? KERNEL_TYPES, COUNTING)) return null;
		try {
			using open = OpenObject.open(
				libbpf,
				countsObject(),
				openOptions("conntracer_counts", btfPath),
			);
			return open.load((object) => {
				using loaded = new DisposableStack();
				loaded.use(object);
				const iterator = loaded.use(object.program(COUNTER).iterator(null));
				this.#owned.use(loaded.move());
				return iterator;
			});
		} catch (error) {
			if (error instanceof LibbpfError) return null;
			throw error;
		}
	}

	[Symbol.dispose](): void {
		this.#owned.dispose();
	}
}

/** Of a single entry are those of data sections, and those that are not used by this run. */
const isTable = ({ type, max_entries }: Known): boolean => max_entries > 1 && type !== RING_BUFFER;

function known(map: BpfMap): Known {
	const { type, id } = map.identity();
	return { id, name: map.name, type: TYPES[type] ?? String(type), max_entries: map.maxEntries };
}
