/**
 * What tracing programs attach to, looked up in a file of kernel types. libbpf takes a custom file
 * for relocations only, and looks for targets in /sys/kernel/btf/vmlinux. Where that is not to be
 * seen, handlers of ours give each program its target.
 */

import { JSCallback, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";
import { checkInt, checkPointer } from "./check.ts";
import { ESRCH } from "./errno.ts";
import { cString } from "./libc.ts";
import type { Libbpf } from "./library.ts";

/** include/uapi/linux/bpf.h and btf.h */
const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
const BPF_PROG_TYPE_TRACING = 26;
const BTF_KIND_TYPEDEF = 8;
const BTF_KIND_FUNC = 12;

/** By section: the expected attach type, and what the target is called. */
const SECTIONS = {
	tp_btf: { attachType: 23, prefix: "btf_trace_", kind: BTF_KIND_TYPEDEF },
	fentry: { attachType: 24, prefix: "", kind: BTF_KIND_FUNC },
	fexit: { attachType: 25, prefix: "", kind: BTF_KIND_FUNC },
	iter: { attachType: 28, prefix: "bpf_iter_", kind: BTF_KIND_FUNC },
} as const;

/** struct libbpf_prog_handler_opts of libbpf.h */
const HANDLER_OPTS = { size: 40, prepareLoad: 24 } as const;
/** struct bpf_prog_load_opts of bpf.h */
const ATTACH_BTF_ID = 32;

const withPlaceholder = new WeakSet<Libbpf>();

/** For no section at all, and for good: libbpf before 1.3 (f1170803) breaks when its last one goes. */
function keepOneHandler(library: Libbpf): void {
	if (withPlaceholder.has(library)) return;
	const section = ptr(cString("conntracer-placeholder"));
	const type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	const handler = library.symbols.libbpf_register_prog_handler(section, type, 0, null);
	checkInt(library, "handle no programs", handler);
	withPlaceholder.add(library);
}

/** From construction to disposal, for every object that is opened and loaded meanwhile. */
export class AttachTargets implements Disposable {
	readonly #library: Libbpf;
	readonly #types: Pointer;
	/** SAFETY: libbpf keeps its address until the handlers are taken out again, in disposal. */
	readonly #callback: JSCallback;
	readonly #handlers: number[] = [];

	/** Throws LibbpfError where the file is none of types. */
	constructor(library: Libbpf, path: string) {
		this.#library = library;
		keepOneHandler(library);
		const parsed = library.symbols.btf__parse(ptr(cString(path)), null);
		this.#types = checkPointer(library, `read the kernel types of ${path}`, parsed);
		this.#callback = new JSCallback(
			(program: Pointer, options: Pointer) => this.#prepare(program, options),
			{ args: ["ptr", "ptr", "i64"], returns: "i32" },
		);
		const options = new DataView(new ArrayBuffer(HANDLER_OPTS.size));
		options.setBigUint64(0, BigInt(HANDLER_OPTS.size), true);
		options.setBigUint64(HANDLER_OPTS.prepareLoad, BigInt(this.#callback.ptr ?? 0), true);
		for (const [section, { attachType }] of Object.entries(SECTIONS)) {
			// Not as what they are: libbpf insists on the kernel's own file for tracing programs.
			const handler = library.symbols.libbpf_register_prog_handler(
				ptr(cString(`${section}+`)),
				BPF_PROG_TYPE_RAW_TRACEPOINT,
				attachType,
				ptr(options),
			);
			this.#handlers.push(checkInt(library, `handle ${section} programs`, handler));
		}
	}

	/** Right before the program is loaded: 0, or -errno. */
	#prepare(program: Pointer, options: Pointer): number {
		const { symbols } = this.#library;
		const section = String(symbols.bpf_program__section_name(program));
		const [kind = "", name = ""] = section.split("/");
		const target = Object.entries(SECTIONS).find(([key]) => key === kind)?.[1];
		if (target === undefined) return -ESRCH;
		const id = symbols.btf__find_by_name_kind(
			this.#types,
			ptr(cString(`${target.prefix}${name}`)),
			target.kind,
		);
		if (id < 0) return -ESRCH;
		const isLong = read.u64(options, 0) >= BigInt(ATTACH_BTF_ID + 4);
		if (!isLong) return -ESRCH;
		// SAFETY: the struct is libbpf's own, alive during this call, and as long as it says.
		new DataView(toArrayBuffer(options, 0, ATTACH_BTF_ID + 4)).setUint32(ATTACH_BTF_ID, id, true);
		return symbols.bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
	}

	[Symbol.dispose](): void {
		for (const handler of this.#handlers.splice(0))
			this.#library.symbols.libbpf_unregister_prog_handler(handler);
		this.#callback.close();
		this.#library.symbols.btf__free(this.#types);
	}
}
