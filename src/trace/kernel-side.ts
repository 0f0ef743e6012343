/** The BPF object in the kernel: sized, loaded, its maps and iterators at hand. */

import { networkNamespaces } from "../enrich/procfs.ts";
import type { BpfIterator } from "../ffi/iterator.ts";
import type { MappedRegion } from "../ffi/libc.ts";
import { Libbpf } from "../ffi/library.ts";
import type { BpfLink } from "../ffi/link.ts";
import type { BpfMap } from "../ffi/map.ts";
import { type LoadedObject, OpenObject } from "../ffi/object.ts";
import type { BpfProgram, ProgramStats } from "../ffi/program.ts";
import { countRuns } from "../ffi/stats.ts";
import { conn, flow, flowKey, losses, netnsCounts, netnsId, settings } from "../maps/structs.ts";
import { bpfObject, bundledLibraries } from "./assets.ts";
import { visitNetns } from "./netns.ts";
import { explainRefusal, requireKernelTypes } from "./refusal.ts";

export interface KernelSideOptions {
	/** FLOW_KEY_PART, or-ed together. */
	readonly keyParts: number;
	/** 1 << EVENT_TYPE, or-ed together; 0 for flows. */
	readonly eventTypes: number;
	/** Of the ring buffer: a power of two, and at least a page. */
	readonly bufferBytes: number;
	readonly maxConnections: number;
	readonly maxFlows: number;
	readonly btfPath: string | null;
	readonly libbpfPath: string | null;
}

/** Each with a second program, which is attached after it: see bpf/once.h. */
const HOOKS = ["tp__inet_sock_set_state", "tp__tcp_destroy_sock"] as const;
const SECOND = "_2";
const ITERATORS = {
	foldConns: "iter__fold_conns",
	offerSlots: "iter__offer_slots",
	adoptListeners: "iter__adopt_listeners",
	adoptFiles: "iter__adopt_files",
	adoptFileless: "iter__adopt_fileless",
} as const;
const U32_SIZE = 4;
const POINTER_SIZE = 8;

/** Owns everything of ours that is in the kernel; nothing is left once it is disposed of. */
export class KernelSide implements Disposable {
	readonly libbpf: Libbpf;
	readonly conns: BpfMap;
	readonly flows: BpfMap;
	readonly flowSlots: BpfMap;
	readonly netnsCounters: BpfMap;
	/** `flows` and `loss_counters`, in place. */
	readonly flowMemory: MappedRegion;
	readonly lossMemory: MappedRegion;
	readonly events: BpfMap;
	readonly #owned: DisposableStack;
	readonly #programs: readonly BpfProgram[];
	readonly #hooks: readonly BpfProgram[];
	readonly #seconds: readonly BpfProgram[];
	readonly #object: LoadedObject;
	readonly #links: BpfLink[] = [];
	readonly #foldConns: BpfIterator;
	readonly #offerSlots: BpfIterator;
	readonly #adoptListeners: BpfIterator;
	readonly #adoptFiles: BpfIterator;
	readonly #adoptFileless: BpfIterator;

	private constructor(libbpf: Libbpf, object: LoadedObject) {
		using owned = new DisposableStack();
		const iterator = (name: string, over: BpfMap | null): BpfIterator =>
			owned.use(object.program(name).iterator(over));
		const memory = (map: BpfMap): MappedRegion =>
			owned.adopt(map.mapMemory(), (region) => region.close());

		this.libbpf = libbpf;
		this.conns = object.map("conns", POINTER_SIZE, conn.size);
		this.flows = object.map("flows", U32_SIZE, flow.size);
		this.flowSlots = object.map("flow_slots", flowKey.size, U32_SIZE);
		this.netnsCounters = object.map("netns_counters", netnsId.size, netnsCounts.size);
		this.flowMemory = memory(this.flows);
		this.events = object.map("events", 0, 0);
		this.lossMemory = memory(object.map("loss_counters", U32_SIZE, losses.size));
		this.#foldConns = iterator(ITERATORS.foldConns, this.conns);
		this.#offerSlots = iterator(ITERATORS.offerSlots, this.flows);
		this.#adoptListeners = iterator(ITERATORS.adoptListeners, null);
		this.#adoptFiles = iterator(ITERATORS.adoptFiles, null);
		this.#adoptFileless = iterator(ITERATORS.adoptFileless, null);
		this.#hooks = HOOKS.map((name) => object.program(name));
		this.#seconds = HOOKS.map((name) => object.program(name + SECOND));
		this.#programs = [
			...this.#hooks,
			...this.#seconds,
			...Object.values(ITERATORS).map((name) => object.program(name)),
		];
		this.#object = object;
		this.#owned = owned.move();
	}

	/** Throws LibbpfMissingError, PermissionError, UnsupportedError or LibbpfError. */
	static load(options: KernelSideOptions): KernelSide {
		const libbpf = Libbpf.open(options.libbpfPath, bundledLibraries);
		requireKernelTypes();
		return explainRefusal("load the BPF programs", options.btfPath, () => {
			using open = OpenObject.open(libbpf, bpfObject(), {
				name: "conntracer",
				btfPath: options.btfPath,
			});
			open.resizeMap("conns", options.maxConnections);
			open.resizeMap("events", options.bufferBytes);
			// One more: flows[0] is for what finds no slot.
			for (const name of ["flows", "flow_slots", "free_slots"])
				open.resizeMap(name, options.maxFlows + 1);
			open.setConstants(
				".rodata.settings",
				settings.encode({ flow_key_parts: options.keyParts, event_types: options.eventTypes }),
			);
			return open.load((loaded) => new KernelSide(libbpf, loaded));
		});
	}

	/** Once it is done nothing is missed, and what was there before is taken in. */
	attach(): void {
		this.#adoptListeners.run();
		explainRefusal("attach the BPF programs", null, () => {
			for (const program of [...this.#hooks, ...this.#seconds])
				this.#links.push(this.#owned.use(program.attach()));
		});
		this.#adoptFiles.run();
		for (const path of networkNamespaces().values())
			visitNetns(path, () => this.#adoptFileless.run());
	}

	/** The hooks come out; the tables can still be read. */
	detach(): void {
		for (const link of this.#links) link[Symbol.dispose]();
	}

	/** Adds what open connections have moved so far to their flows. */
	foldConnections(): void {
		this.#foldConns.run();
	}

	/** Makes the slots that FlowTable freed available to new flows. */
	offerSlots(): void {
		this.#offerSlots.run();
	}

	/** Has the kernel count and time the runs of all BPF programs until the function is called. */
	countRuns(): () => void {
		return countRuns(this.libbpf);
	}

	/** Runs that the kernel skipped because the program ran on that CPU already. */
	misses(): number {
		return this.#hooks.reduce((sum, program) => sum + program.stats().misses, 0);
	}

	/** All programs together; 0 runs where nobody has them counted. */
	runs(): Pick<ProgramStats, "runs" | "runTimeNs"> {
		const sum = { runs: 0, runTimeNs: 0 };
		for (const program of this.#programs) {
			const stats = program.stats();
			sum.runs += stats.runs;
			sum.runTimeNs += stats.runTimeNs;
		}
		return sum;
	}

	get programNames(): string[] {
		return this.#programs.map((program) => program.name);
	}

	[Symbol.dispose](): void {
		this.#owned.dispose();
		this.#object[Symbol.dispose]();
	}
}
