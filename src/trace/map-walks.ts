/** The programs that visit every entry of a map, and how this kernel runs them: bpf/walk.h. */

import type { MappedRegion } from "../ffi/libc.ts";
import type { LoadedObject } from "../ffi/object.ts";
import { event, shared } from "../maps/structs.ts";
import type { Fold, FoldResult } from "./fold-plan.ts";
import type { MainObject } from "./main-object.ts";
import type { WalkName } from "./plan.ts";

const U32_SIZE = 4;
/** Parts are that many at most, and so 2^14 rows each hold any table. */
const MOST_PARTS = 2 ** 24;
/** Parts are not equally large: as many as make them this full. */
const FILL = 0.8;

/** Which map each visits. */
const OVER: Readonly<Record<WalkName, string>> = {
	walk__fold_conns: "conns",
	walk__show_conns: "conns",
	walk__fold_awake: "awake",
	walk__tell_endings: "endings",
	walk__check_listeners: "listeners",
	walk__expire_udp: "udp_conns",
};

interface Walk {
	run(): void;
	/** Of what an iterator writes. */
	read?(take: (records: DataView) => void): void;
}

export class MapWalks implements Disposable {
	readonly #owned = new DisposableStack();
	readonly #walks = new Map<WalkName, Walk>();
	readonly #shared: DataView;
	readonly #shown: MappedRegion;
	/** In the last walk that showed them. */
	#connections = 0;

	/**
	 * @param view of struct shared
	 * @throws LibbpfError where the kernel does not run such programs
	 */
	constructor(
		object: LoadedObject,
		{ walks }: Pick<MainObject, "walks">,
		names: readonly WalkName[],
		view: DataView,
	) {
		using owned = new DisposableStack();
		this.#shared = view;
		const shown = object.map("shown", U32_SIZE, event.size);
		this.#shown = owned.adopt(shown.mapMemory(), (region) => region.close());
		for (const name of names) {
			const program = object.program(name);
			const iterator = (): Walk & Disposable => program.iterator(object.opaqueMap(OVER[name]));
			this.#walks.set(name, walks === "iterator" ? owned.use(iterator()) : program);
		}
		// A filter of system calls may let them be loaded, and not run. All are of one kind:
		// one tells, and this table is the smallest.
		const [anyOther] = this.#walks.values();
		(this.#walks.get("walk__fold_awake") ?? anyOther)?.run();
		this.#owned = owned.move();
	}

	/** Adds what open connections have moved so far to their flows: see FoldPlan. */
	fold({ ofAll, keepsAwake }: Fold): FoldResult {
		const view = this.#shared;
		const { keeps_awake, is_awake_full, walked } = shared.offsets;
		const wasFull = view.getUint32(is_awake_full, true) !== 0;
		view.setUint32(keeps_awake, keepsAwake ? 1 : 0, true);
		// It also makes room.
		if (!ofAll || wasFull) this.#run("walk__fold_awake");
		if (ofAll) {
			for (const offset of [is_awake_full, walked]) view.setUint32(offset, 0, true);
			this.#run("walk__fold_conns");
		}
		return {
			connections: view.getUint32(walked, true),
			isAwakeFull: view.getUint32(is_awake_full, true) !== 0,
		};
	}

	/** For events: tells the ends of connections whose programs take long to read what is left. */
	tellEndings(): void {
		if (this.#shared.getUint32(shared.offsets.endings, true) > 0) this.#run("walk__tell_endings");
	}

	/** How many listening sockets there are whose process a look at files may tell better. */
	checkListeners(): number {
		const { stale_listeners } = shared.offsets;
		this.#shared.setUint32(stale_listeners, 0, true);
		this.#run("walk__check_listeners");
		return this.#shared.getUint32(stale_listeners, true);
	}

	/** Ends UDP connections whose socket is closed, or that have been idle. */
	expireUdp(): void {
		this.#run("walk__expire_udp");
	}

	/**
	 * Every connection that is open, in rows of `struct event`, each once.
	 *
	 * @param take must be done with the view when it returns: the next rows come to the same place
	 */
	show(take: (records: DataView) => void): void {
		const walk = this.#walks.get("walk__show_conns");
		if (walk?.read !== undefined) {
			walk.read(take);
			return;
		}
		if (walk === undefined) return;
		const room = (this.#shown.memory.byteLength / event.size) * FILL;
		let parts = 1;
		while (parts * room < this.#connections && parts < MOST_PARTS) parts *= 2;
		this.#connections = 0;
		for (let part = 0; part < parts; part++) this.#showPart(walk, parts, part, take);
	}

	/** In two halves where there are more of them than rows. */
	#showPart(walk: Walk, parts: number, part: number, take: (records: DataView) => void): void {
		const view = this.#shared;
		const { shown_mask, shown_part, shown_rows, is_shown_full } = shared.offsets;
		view.setUint32(shown_mask, parts - 1, true);
		view.setUint32(shown_part, part, true);
		for (const offset of [shown_rows, is_shown_full]) view.setUint32(offset, 0, true);
		walk.run();
		if (view.getUint32(is_shown_full, true) === 0) {
			const rows = view.getUint32(shown_rows, true);
			this.#connections += rows;
			if (rows > 0) take(new DataView(this.#shown.memory, 0, rows * event.size));
			return;
		}
		if (parts >= MOST_PARTS) throw new Error("a part of the connections has no end");
		this.#showPart(walk, parts * 2, part, take);
		this.#showPart(walk, parts * 2, part + parts, take);
	}

	/** Nothing where the plan does not have it. */
	#run(name: WalkName): void {
		this.#walks.get(name)?.run();
	}

	[Symbol.dispose](): void {
		this.#owned.dispose();
	}
}
