/** A BPF link: as long as it is held, its program is attached. */

import type { Pointer } from "bun:ffi";
import { checkInt } from "./check.ts";
import type { Libbpf } from "./library.ts";

export class BpfLink implements Disposable {
	readonly #library: Libbpf;
	readonly #name: string;
	#pointer: Pointer | null;

	constructor(library: Libbpf, pointer: Pointer, name: string) {
		this.#library = library;
		this.#pointer = pointer;
		this.#name = name;
	}

	get fd(): number {
		if (this.#pointer === null) throw new Error(`link of ${this.#name} is closed`);
		return checkInt(
			this.#library,
			`fd of link ${this.#name}`,
			this.#library.symbols.bpf_link__fd(this.#pointer),
		);
	}

	/** Detaches the program. Idempotent. */
	[Symbol.dispose](): void {
		if (this.#pointer === null) return;
		this.#library.symbols.bpf_link__destroy(this.#pointer);
		this.#pointer = null;
	}
}
