/** A BPF link: as long as it is held, its program is attached. */

import type { Pointer } from "bun:ffi";
import { checkInt } from "./check.ts";
import { objectInfo } from "./info.ts";
import type { Libbpf } from "./library.ts";

/** struct bpf_link_info of include/uapi/linux/bpf.h, for a kprobe by perf event. */
const LINK_INFO = { size: 56, type: 0, eventType: 16, missed: 48 } as const;
const BPF_LINK_TYPE_PERF_EVENT = 7;
const KPROBES = { BPF_PERF_EVENT_KPROBE: 3, BPF_PERF_EVENT_KRETPROBE: 4 } as const;

export class BpfLink implements Disposable {
	readonly #library: Libbpf;
	readonly name: string;
	#pointer: Pointer | null;

	constructor(library: Libbpf, pointer: Pointer, name: string) {
		this.#library = library;
		this.#pointer = pointer;
		this.name = name;
	}

	get fd(): number {
		if (this.#pointer === null) throw new Error(`link of ${this.name} is closed`);
		return checkInt(
			this.#library,
			`fd of link ${this.name}`,
			this.#library.symbols.bpf_link__fd(this.#pointer),
		);
	}

	/**
	 * Calls that a kprobe or kretprobe missed: it was hit in itself, or too many calls were under way
	 * (since 6.7, 3acf8ace6823). Null of other links, and where the kernel does not tell.
	 */
	kprobeMisses(): number | null {
		const info = objectInfo(this.#library, this.fd, LINK_INFO.size, `info of link ${this.name}`);
		if (info === null || info.length < LINK_INFO.size) return null;
		const field = (offset: number): number => info.view.getUint32(offset, true);
		if (field(LINK_INFO.type) !== BPF_LINK_TYPE_PERF_EVENT) return null;
		const isKprobe = Object.values<number>(KPROBES).includes(field(LINK_INFO.eventType));
		return isKprobe ? Number(info.view.getBigUint64(LINK_INFO.missed, true)) : null;
	}

	/** Detaches the program. Idempotent. */
	[Symbol.dispose](): void {
		if (this.#pointer === null) return;
		this.#library.symbols.bpf_link__destroy(this.#pointer);
		this.#pointer = null;
	}
}
