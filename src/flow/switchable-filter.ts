/** A filter that another one can take the place of while a tracer runs, as far as the kernel allows. */

import { filter as kernelFilter } from "../maps/structs.ts";
import type { FilterSubject, FlowFilter } from "./filter.ts";

const NOTHING_NEEDED = { ports: false, pid: false, uid: false };

export class SwitchableFilter implements FlowFilter {
	readonly needs: FlowFilter["needs"];
	/** That of the first one: it cannot change any more when a tracer is open. */
	readonly kernel: FlowFilter["kernel"];
	#current: FlowFilter | null;

	/** @param first null: nothing is filtered */
	constructor(first: FlowFilter | null) {
		this.#current = first;
		this.needs = first?.needs ?? NOTHING_NEEDED;
		this.kernel = first?.kernel ?? kernelFilter.zero();
	}

	get isOpen(): boolean {
		return this.#current === null;
	}

	matches(subject: FilterSubject): boolean {
		return this.#current?.matches(subject) ?? true;
	}

	/** Whether the kernel side lets through all that `next` wants: it drops nothing, or the same. */
	canBe(next: FlowFilter | null): boolean {
		if (this.kernel.is_set === 0) return true;
		return next !== null && Bun.deepEquals(next.kernel, this.kernel);
	}

	/** After canBe(). */
	switchTo(next: FlowFilter | null): void {
		this.#current = next;
	}
}
