/** A BPF iterator: each run visits every element of its target once. */

import { checkInt } from "./check.ts";
import { closeFd, readFd } from "./libc.ts";
import type { Libbpf } from "./library.ts";
import type { BpfLink } from "./link.ts";

const CHUNK_BYTES = 64 * 1024;
/**
 * The kernel gathers up to eight pages for one read (bpf_seq_read()), whole records only. With room
 * for all of them none is cut in two, on 64 KiB pages either.
 */
const READ_BYTES = 1024 * 1024;

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
		this.#drain(this.#chunk, () => {});
	}

	/**
	 * Visits everything, and hands out what the program writes: whole records, in place. Throws
	 * LibbpfError.
	 *
	 * @param take must be done with the view when it returns: the next records come to the same place
	 */
	read(take: (records: DataView) => void): void {
		const chunk = new Uint8Array(READ_BYTES);
		this.#drain(chunk, (count) => take(new DataView(chunk.buffer, 0, count)));
	}

	#drain(chunk: Uint8Array, take: (count: number) => void): void {
		const operation = `run ${this.#name}`;
		const fd = checkInt(
			this.#library,
			operation,
			this.#library.symbols.bpf_iter_create(this.#link.fd),
		);
		try {
			for (let count = 1; count > 0; ) {
				count = readFd(fd, chunk, operation);
				if (count > 0) take(count);
			}
		} finally {
			closeFd(fd);
		}
	}

	[Symbol.dispose](): void {
		this.#link[Symbol.dispose]();
	}
}
