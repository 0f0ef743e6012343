/** The BPF object in the kernel: sized, loaded, its maps, iterators and walks at hand. */

import { closeSync, openSync } from "node:fs";
import type { Capability } from "../enrich/capabilities.ts";
import { cgroup2MountPoint } from "../enrich/cgroups.ts";
import { mounts, networkNamespaces } from "../enrich/procfs.ts";
import { isNamedIn, KERNEL_TYPES } from "../enrich/sysfs.ts";
import { type LibbpfError, UnsupportedError } from "../errors.ts";
import type { BpfIterator } from "../ffi/iterator.ts";
import { closeTcpSocket, type MappedRegion } from "../ffi/libc.ts";
import { Libbpf } from "../ffi/library.ts";
import type { BpfLink } from "../ffi/link.ts";
import type { BpfMap } from "../ffi/map.ts";
import { type LoadedObject, OpenObject } from "../ffi/object.ts";
import type { BpfProgram, ProgramStats } from "../ffi/program.ts";
import { countRuns } from "../ffi/stats.ts";
import {
	flow,
	flowKey,
	losses,
	netnsCounts,
	netnsId,
	shared,
	udpConn,
	udpKey,
} from "../maps/structs.ts";
import { bundledLibraries } from "./assets.ts";
import { asksOwner, type KernelSideOptions, setUp } from "./kernel-set-up.ts";
import { loadMainObject, type MainObject } from "./main-object.ts";
import { MapWalks } from "./map-walks.ts";
import { visitNetns } from "./netns.ts";
import { NetnsCounters } from "./netns-counters.ts";
import {
	FIND_HOLDERS,
	firstsOf,
	type Gates,
	OWN_LISTENERS,
	type Plan,
	planFor,
	withoutWalks as planWithoutWalks,
	programsOf,
	TRIAL,
} from "./plan.ts";
import { Probes } from "./probes.ts";
import { explainRefusal, nameRefused, openOptions, requireKernelTypes } from "./refusal.ts";
import { FOR_CGROUPS, FOR_STATISTICS, FOR_TRACING } from "./rights.ts";

const U32_SIZE = 4;
const POINTER_SIZE = 8;
const SHARED = ".data.shared";

/** Owns everything of ours that is in the kernel; nothing is left once it is disposed of. */
export class KernelSide implements Disposable {
	readonly libbpf: Libbpf;
	readonly flows: BpfMap;
	readonly flowSlots: BpfMap;
	readonly netnsCounters: NetnsCounters;
	/** `flows` and `loss_counters`, in place. */
	readonly flowMemory: MappedRegion;
	readonly lossMemory: MappedRegion;
	readonly events: BpfMap;
	readonly probes: Probes;
	readonly walks: MapWalks;
	/** How it walks over maps; "none: " and the reason where it does not. */
	readonly walksBy: string;
	/** Those whose sizes are options. */
	readonly tables: readonly BpfMap[];
	readonly #owned: DisposableStack;
	readonly #object: LoadedObject;
	readonly #plan: Plan;
	readonly #programs: readonly BpfProgram[];
	readonly #firsts: readonly BpfProgram[];
	readonly #shared: MappedRegion;
	readonly #asksOwner: boolean;
	readonly #freeSlots: BpfMap;
	readonly #links: BpfLink[] = [];
	readonly #iterators = new Map<string, BpfIterator>();

	private constructor(
		libbpf: Libbpf,
		object: LoadedObject,
		main: MainObject & { readonly walksBy: string },
		plan: Plan,
		{ filter, btfPath }: KernelSideOptions,
	) {
		using owned = new DisposableStack();
		const memory = (map: BpfMap): MappedRegion =>
			owned.adopt(map.mapMemory(), (region) => region.close());

		this.libbpf = libbpf;
		this.flows = object.map("flows", U32_SIZE, flow.size);
		this.flowSlots = object.map("flow_slots", flowKey.size, U32_SIZE);
		this.#freeSlots = object.map("free_slots", 0, U32_SIZE);
		this.flowMemory = memory(this.flows);
		this.events = object.map("events", 0, 0);
		this.lossMemory = memory(object.map("loss_counters", U32_SIZE, losses.size));
		this.#plan = plan;
		this.#firsts = firstsOf(plan).map((name) => object.program(name));
		this.#shared = memory(object.map(SHARED, U32_SIZE, shared.size));
		this.#programs = programsOf(plan).map((name) => object.program(name));
		const conns = object.map("conns", POINTER_SIZE, main.connSize);
		const udpConns = object.map("udp_conns", udpKey.size, udpConn.size);
		this.tables = [conns, udpConns, this.flows, this.flowSlots, this.events];
		for (const name of plan.iterators)
			this.#iterators.set(name, owned.use(object.program(name).iterator(null)));
		this.netnsCounters = new NetnsCounters(
			object.map("netns_counters", netnsId.size, netnsCounts.size),
			() => this.#shared.view.getUint32(shared.offsets.netns, true),
		);
		this.walksBy = main.walksBy;
		this.walks = owned.use(new MapWalks(object, main, plan.walks, this.#shared.view));
		this.#object = object;
		this.#asksOwner = asksOwner(filter);
		const ours = { programs: this.#programs, links: this.#links };
		this.probes = owned.use(new Probes({ libbpf, object, btfPath, ...ours }));
		this.#owned = owned.move();
	}

	/** Throws LibbpfMissingError, PermissionError, UnsupportedError or LibbpfError. */
	static load(options: KernelSideOptions): KernelSide {
		const libbpf = Libbpf.open(options.libbpfPath, bundledLibraries);
		const { btfPath } = options;
		requireKernelTypes(btfPath);
		const plan = planFor(options, (name) => isNamedIn(btfPath ?? KERNEL_TYPES, name));
		const attempted = { what: "load the BPF programs", needed: neededFor(plan), btfPath };
		const withoutWalks = planWithoutWalks(plan, options.eventTypes);
		const load = (object: MainObject, refusedWalks: LibbpfError | null): KernelSide => {
			using open = OpenObject.open(libbpf, object.bytes(), openOptions("conntracer", btfPath));
			const planned = refusedWalks === null ? plan : (withoutWalks ?? plan);
			setUp(open, options, planned);
			return open.load((loaded) => {
				object.prepare(loaded);
				const refused = refusedWalks && unseenEnds(refusedWalks);
				const main = { ...object, walksBy: refused ?? object.walks };
				return new KernelSide(libbpf, loaded, main, planned, options);
			});
		};
		return explainRefusal(attempted, () => loadMainObject(load, withoutWalks === null));
	}

	/** Once it is done nothing is missed, and what was there before is taken in. */
	attach(): void {
		this.#run("iter__adopt_listeners");
		const needed = neededFor(this.#plan);
		explainRefusal({ what: "attach the BPF programs", needed, btfPath: null }, () => {
			this.#attachGates(this.#plan.gates);
			this.#attachToRootCgroup(this.#plan.cgroupHooks);
		});
		const files = (): void => this.#run("iter__adopt_files");
		const fileless = (): void => {
			for (const path of networkNamespaces().values())
				visitNetns(path, () => this.#run("iter__adopt_fileless"));
		};
		// Whose a connection is, only the scan of files knows: see adopt_fileless() of bpf/scan.h.
		for (const scan of this.#asksOwner ? [fileless, files] : [files, fileless]) scan();
	}

	#attach(names: readonly string[]): void {
		for (const name of names)
			this.#links.push(this.#owned.use(this.#object.program(name).attach()));
	}

	/** The kernel calls those of a hook in the order in which they came. */
	#attachGates(all: readonly Gates[]): void {
		// Not detached before others are there: a tracepoint without any has to wait for all CPUs.
		using _ = this.#object.program(TRIAL).attach();
		const isPreemptible = this.#isPreemptible();
		for (const { handler, handlerMap, few, many } of all) {
			const handlers = this.#object.map(handlerMap, U32_SIZE, U32_SIZE);
			handlers.setProgram(0, this.#object.program(handler));
			this.#attach(isPreemptible ? many : few);
		}
		const before = this.#links.length;
		this.#attach(this.#plan.hooks);
		// The last comes out first: what its neighbours wait for is there as long as they are.
		this.#links.push(...this.#links.splice(before).reverse());
	}

	/** Whether the kernel may preempt a task in a hook; with the trial attached. */
	#isPreemptible(): boolean {
		closeTcpSocket();
		return this.#shared.view.getUint32(shared.offsets.is_preemptible, true) !== 0;
	}

	#attachToRootCgroup(names: readonly string[]): void {
		if (names.length === 0) return;
		const root = cgroup2MountPoint(mounts());
		if (root === null)
			throw new UnsupportedError(
				"UDP",
				null,
				"cgroup v2 is not mounted",
				"mount it: mount -t cgroup2 none /sys/fs/cgroup/unified; or say --transport tcp",
			);
		const directory = openSync(root, "r");
		try {
			for (const name of names)
				this.#links.push(this.#owned.use(this.#object.program(name).attachToCgroup(directory)));
		} finally {
			closeSync(directory);
		}
	}

	/** Nothing where the plan does not have it. */
	#run(iterator: string): void {
		this.#iterators.get(iterator)?.run();
	}

	/** The hooks come out; the tables can still be read. */
	detach(): void {
		this.probes.noteMisses();
		for (const link of this.#links) link[Symbol.dispose]();
	}

	/** Sockets that have begun to listen, so far. A read of memory. */
	get listens(): number {
		return this.#shared.view.getUint32(shared.offsets.listens, true);
	}

	/** Looks at all files: a listening socket without a process gets the one that holds it. */
	ownListeners(): void {
		this.#run(OWN_LISTENERS);
	}

	/** For events: looks at the files of these processes, or of all. `take` gets rows of `struct holder`. */
	findHolders(pids: readonly number[] | null, take: (records: DataView) => void): void {
		if (pids === null) {
			this.#iterators.get(FIND_HOLDERS)?.read(take);
			return;
		}
		const program = this.#object.program(FIND_HOLDERS);
		for (const pid of pids) {
			using iterator = program.iterator({ pid });
			iterator.read(take);
		}
	}

	/** Makes slots that FlowTable freed available to new flows. */
	offerSlots(slots: readonly number[]): void {
		for (const slot of slots) this.#freeSlots.push(new Uint8Array(Uint32Array.of(slot).buffer));
	}

	/** Has the kernel count and time the runs of all BPF programs until the function is called. */
	countRuns(): () => void {
		const attempted = { what: "count BPF runs", needed: FOR_STATISTICS, btfPath: null };
		return explainRefusal(attempted, () => countRuns(this.libbpf));
	}

	/** Runs that the kernel skipped because the program ran on that CPU already. */
	misses(): number {
		return this.#firsts.reduce((sum, program) => sum + (program.stats().misses ?? 0), 0);
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

/** All that goes without walks loses is the sweep for these: see withoutWalks(). */
function unseenEnds(refused: LibbpfError): string {
	return `none: ends that no hook sees (the kernel refuses ${nameRefused(refused)})`;
}

function neededFor({ cgroupHooks }: Plan): readonly Capability[] {
	return cgroupHooks.length > 0 ? FOR_CGROUPS : FOR_TRACING;
}
