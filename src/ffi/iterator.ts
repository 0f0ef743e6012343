/** A BPF iterator: each run visits every element of its target once. */

import { checkInt } from "./check.ts";
import { closeFd, readFd } from "./libc.ts";
import type { Libbpf } from "./library.ts";
import type { BpfLink } from "./link.ts";

const CHUNK_BYTES = 64 * 1024;

export class BpfIterator implements Disposable {
	readonly #library: Libbpf;
	readonly #link: BpfLink;
	readonly #name: string;
	readonly #chunk = new Uint8Array(CHUNK_BYTES);

	/** Owns the link. */
	constructor(library: Libbpf, link: BpfLink, name: string) {
		this.#library = library;
		this.#link = link;
		this.#name = name;
	}

	/** Visits everything, for what the program does on the way; what it writes is thrown away. */
	run(): void {
		const operation = `run ${this.#name}`;
		const fd = checkInt(
			this.#library,
			operation,
			this.#library.symbols.bpf_iter_create(this.#link.fd),
		);
		try {
			while (readFd(fd, this.#chunk, operation) > 0);
		} finally {
			closeFd(fd);
		}
	}

	[Symbol.dispose](): void {
		this.#link[Symbol.dispose]();
	}
}
