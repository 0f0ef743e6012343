/** A loaded BPF program. */

import { type Pointer, ptr } from "bun:ffi";
import { checkInt, checkPointer } from "./check.ts";
import { objectInfo } from "./info.ts";
import { BpfIterator } from "./iterator.ts";
import type { Libbpf } from "./library.ts";
import { BpfLink } from "./link.ts";
import type { BpfMap } from "./map.ts";

/** What the kernel counts of a program. */
export interface ProgramStats {
	/** 0 unless statistics are on. */
	readonly runs: number;
	readonly runTimeNs: number;
	/**
	 * Runs skipped because the program was running on that CPU already (since 5.12, 9ed9e9ba2337; of
	 * tracepoints 6.1, 05b24ff9b2cf; of kprobes 6.7, dd8657894c11). Null where the kernel does not tell.
	 */
	readonly misses: number | null;
}

/** include/uapi/linux/bpf.h */
const BPF_PROG_TYPE_TRACING = 26;

const U64_SIZE = 8;

/** struct bpf_test_run_opts of bpf.h, which begins with its own size. */
const TEST_RUN_OPTS = { size: 80, ctxIn: 32, ctxSizeIn: 48 } as const;

/** struct bpf_prog_info of include/uapi/linux/bpf.h. */
const PROG_INFO = { size: 232, runTimeNs: 192, runs: 200, misses: 208 } as const;

/** struct bpf_iter_attach_opts { size_t sz; union bpf_iter_link_info *link_info; __u32 link_info_len; } */
const ITER_OPTS = { size: 24, linkInfo: 8, linkInfoLen: 16 } as const;
/** union bpf_iter_link_info: { __u32 map_fd; } or { __u32 tid, pid, pid_fd; } */
const LINK_INFO_SIZE = 16;
const LINK_INFO_PID = 4;

export class BpfProgram {
	readonly name: string;
	readonly fd: number;
	/** Where it works: `tp_btf/inet_sock_set_state`. */
	readonly section: string;
	readonly #library: Libbpf;
	readonly #pointer: Pointer;

	/** SAFETY: the object owns the program; it must not be used after the object's close. */
	constructor(library: Libbpf, pointer: Pointer, name: string) {
		this.#library = library;
		this.#pointer = pointer;
		this.name = name;
		this.section = String(library.symbols.bpf_program__section_name(pointer));
		this.fd = checkInt(library, `fd of program ${name}`, library.symbols.bpf_program__fd(pointer));
	}

	/** Attaches it where its section name says. The caller owns the link. */
	attach(): BpfLink {
		const { symbols } = this.#library;
		// What libbpf does for them by their section, which AttachTargets takes from it.
		const isTracing = symbols.bpf_program__type(this.#pointer) === BPF_PROG_TYPE_TRACING;
		const link = isTracing
			? symbols.bpf_program__attach_trace(this.#pointer)
			: symbols.bpf_program__attach(this.#pointer);
		return this.#linked(link);
	}

	/** For a `cgroup/` program: for all in the cgroup whose directory is open. The caller owns the link. */
	attachToCgroup(directoryFd: number): BpfLink {
		const { symbols } = this.#library;
		return this.#linked(symbols.bpf_program__attach_cgroup(this.#pointer, directoryFd));
	}

	/** Right after the call that gave the link. Throws LibbpfError. */
	#linked(link: Pointer | bigint | null): BpfLink {
		const { name, section: hook } = this;
		const pointer = checkPointer(this.#library, `attach ${name}`, link, { name, hook });
		return new BpfLink(this.#library, pointer, name);
	}

	/**
	 * For an `iter/` program. `over`: the map that a map iterator walks, or the process whose tasks an
	 * iterator over tasks walks (since 6.1, f0d74c4da1f0); null for all. The caller owns it.
	 */
	iterator(over: BpfMap | { readonly pid: number } | null): BpfIterator {
		const linkInfo = new DataView(new ArrayBuffer(LINK_INFO_SIZE));
		const options = new DataView(new ArrayBuffer(ITER_OPTS.size));
		options.setBigUint64(0, BigInt(ITER_OPTS.size), true);
		if (over !== null) {
			if ("pid" in over) linkInfo.setUint32(LINK_INFO_PID, over.pid, true);
			else linkInfo.setUint32(0, over.fd, true);
			options.setBigUint64(ITER_OPTS.linkInfo, BigInt(ptr(linkInfo)), true);
			options.setUint32(ITER_OPTS.linkInfoLen, LINK_INFO_SIZE, true);
		}
		const link = this.#linked(
			this.#library.symbols.bpf_program__attach_iter(this.#pointer, ptr(options)),
		);
		// SAFETY: `options` points at `linkInfo`, which must live until the call has returned.
		linkInfo.getUint8(0);
		return new BpfIterator(this.#library, link, this.name);
	}

	/**
	 * Runs it once, and waits for it (BPF_PROG_TEST_RUN; of type raw_tracepoint since 5.10, of type
	 * syscall since 5.14). Throws LibbpfError.
	 *
	 * @param context of a program of type raw_tracepoint, its arguments; of type syscall, what it is made for
	 */
	run(context: readonly number[] = []): void {
		const words = BigUint64Array.from(context, BigInt);
		const options = new DataView(new ArrayBuffer(TEST_RUN_OPTS.size));
		options.setBigUint64(0, BigInt(TEST_RUN_OPTS.size), true);
		if (words.length > 0) options.setBigUint64(TEST_RUN_OPTS.ctxIn, BigInt(ptr(words)), true);
		options.setUint32(TEST_RUN_OPTS.ctxSizeIn, words.byteLength, true);
		const result = this.#library.symbols.bpf_prog_test_run_opts(this.fd, ptr(options));
		// SAFETY: `options` points at `words`, which must live until the call has returned.
		words.at(0);
		checkInt(this.#library, `run ${this.name}`, result, { name: this.name, hook: this.section });
	}

	stats(): ProgramStats {
		const info = objectInfo(this.#library, this.fd, PROG_INFO.size, `info of ${this.name}`);
		const count = (offset: number): number | null =>
			info === null || info.length < offset + U64_SIZE
				? null
				: Number(info.view.getBigUint64(offset, true));
		return {
			runs: count(PROG_INFO.runs) ?? 0,
			runTimeNs: count(PROG_INFO.runTimeNs) ?? 0,
			misses: count(PROG_INFO.misses),
		};
	}
}
