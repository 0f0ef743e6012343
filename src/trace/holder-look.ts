/** Looks at open files, for who holds which socket. */

import type { Holders } from "../flow/acceptors.ts";
import { HolderDecoder, type HolderNames } from "../flow/holder-decoder.ts";
import type { KernelSide } from "./kernel-side.ts";

export class HolderLook {
	readonly #kernel: KernelSide;
	readonly #names: HolderNames;
	/** False where the kernel looks at all files whomever it is asked for (before 6.1). */
	#canChoose = true;

	constructor(kernel: KernelSide, names: HolderNames) {
		this.#kernel = kernel;
		this.#names = names;
	}

	/** At the files of these processes; null: of all. Throws LibbpfError. */
	look(pids: readonly number[] | null): Holders {
		const found = new HolderDecoder(this.#names);
		const chosen = this.#canChoose ? pids : null;
		this.#kernel.findHolders(chosen, (records) => found.add(records));
		if (chosen?.length && !found.pids.isSubsetOf(new Set(chosen))) this.#canChoose = false;
		return found;
	}
}
