/** Keeps whose the listening sockets are, where no hook sees accept(): bpf/listener.h. */

import type { KernelSide } from "./kernel-side.ts";

/** For so long after a listen() its process may end, and leave the socket to a child. */
const FRESH_MS = 5000;
/** Between two checks when nobody has called listen() of late. */
const REST_MS = 5000;
/** A look at all files that took a millisecond is followed by none for 50: 2 % of the time. */
const PAUSE_FACTOR = 50;
/** Of sockets that nobody but a process without a name of ours holds, looks become fewer. */
const LONGEST_PAUSE_MS = 60_000;

export class ListenerOwners {
	readonly #kernel: KernelSide;
	#listens = -1;
	#freshUntil = 0;
	#nextCheckAt = 0;
	#nextLookAt = 0;
	/** Those that the last look left without. */
	#left = 0;
	#pauseMs = 0;

	constructor(kernel: KernelSide) {
		this.#kernel = kernel;
	}

	/** Often: it mostly costs a read of memory. Throws LibbpfError. */
	tend(now: number): void {
		const { listens, walks } = this.#kernel;
		if (listens !== this.#listens) this.#freshUntil = now + FRESH_MS;
		this.#listens = listens;
		if (now > this.#freshUntil && now < this.#nextCheckAt) return;
		this.#nextCheckAt = now + REST_MS;
		const stale = walks.checkListeners();
		if (stale === 0) this.#left = 0;
		if (stale === 0 || (stale === this.#left && now < this.#nextLookAt)) return;
		this.#look(now);
	}

	#look(now: number): void {
		const before = performance.now();
		this.#kernel.ownListeners();
		const tookMs = performance.now() - before;
		const left = this.#kernel.walks.checkListeners();
		const isInVain = left > 0 && left === this.#left;
		this.#left = left;
		this.#pauseMs = isInVain ? Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS) : 0;
		this.#pauseMs = Math.max(this.#pauseMs, tookMs * PAUSE_FACTOR);
		this.#nextLookAt = now + this.#pauseMs;
	}
}
