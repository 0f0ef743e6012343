/** A BPF object in its two phases: opened, when sizes and settings can change, then loaded. */

import { type Pointer, ptr } from "bun:ffi";
import { LayoutError, LibbpfError, type ProgramName } from "../errors.ts";
import { AttachTargets } from "./attach-targets.ts";
import { checkInt, checkPointer, checkU32 } from "./check.ts";
import { errnoName } from "./errno.ts";
import { cString } from "./libc.ts";
import type { Libbpf } from "./library.ts";
import { BpfMap } from "./map.ts";
import { BpfProgram } from "./program.ts";

/** struct bpf_object_open_opts of libbpf.h, as far as it is set; libbpf reads `sz` bytes of it. */
const OPEN_OPTS = { size: 80, objectName: 8, btfCustomPath: 48 } as const;

export interface OpenOptions {
	/** Without it libbpf would make one of the buffer's address, and put it into map names. */
	readonly name: string;
	/** Kernel types to relocate against, in place of the kernel's own. */
	readonly btfPath: string | null;
	/** Kernel types to find attach targets in, where the kernel's own are not to be seen. */
	readonly targetsPath?: string | null;
}

/** Finds maps and programs, and owns the object. */
class ObjectHandle implements Disposable {
	readonly library: Libbpf;
	#pointer: Pointer | null;

	constructor(library: Libbpf, pointer: Pointer) {
		this.library = library;
		this.#pointer = pointer;
	}

	get pointer(): Pointer {
		if (this.#pointer === null) throw new Error("the BPF object is closed");
		return this.#pointer;
	}

	mapPointer(name: string): Pointer {
		const found = this.library.symbols.bpf_object__find_map_by_name(
			this.pointer,
			ptr(cString(name)),
		);
		return checkPointer(this.library, `map ${name}`, found);
	}

	programPointer(name: string): Pointer {
		const found = this.library.symbols.bpf_object__find_program_by_name(
			this.pointer,
			ptr(cString(name)),
		);
		return checkPointer(this.library, `program ${name}`, found);
	}

	[Symbol.dispose](): void {
		if (this.#pointer === null) return;
		this.library.symbols.bpf_object__close(this.#pointer);
		this.#pointer = null;
	}
}

/** Not in the kernel yet. */
export class OpenObject implements Disposable {
	readonly #handle: ObjectHandle;
	readonly #targets: AttachTargets | null;
	#isHandedOn = false;

	private constructor(handle: ObjectHandle, targets: AttachTargets | null) {
		this.#handle = handle;
		this.#targets = targets;
	}

	/** Throws LibbpfError. libbpf copies the bytes, so they need not be kept. */
	static open(library: Libbpf, bytes: Uint8Array, options: OpenOptions): OpenObject {
		using owned = new DisposableStack();
		const { targetsPath = null } = options;
		const targets =
			targetsPath === null ? null : owned.use(new AttachTargets(library, targetsPath));
		const handle = OpenObject.#open(library, bytes, options);
		owned.move();
		return new OpenObject(handle, targets);
	}

	static #open(library: Libbpf, bytes: Uint8Array, options: OpenOptions): ObjectHandle {
		const opts = new DataView(new ArrayBuffer(OPEN_OPTS.size));
		const name = cString(options.name);
		const btfPath = options.btfPath === null ? null : cString(options.btfPath);
		opts.setBigUint64(0, BigInt(OPEN_OPTS.size), true);
		opts.setBigUint64(OPEN_OPTS.objectName, BigInt(ptr(name)), true);
		if (btfPath !== null) opts.setBigUint64(OPEN_OPTS.btfCustomPath, BigInt(ptr(btfPath)), true);
		const found = library.symbols.bpf_object__open_mem(bytes, bytes.length, ptr(opts));
		const pointer = checkPointer(library, "open the BPF object", found);
		// SAFETY: `opts` points at these; libbpf has copied them by now.
		name.at(0);
		btfPath?.at(0);
		return new ObjectHandle(library, pointer);
	}

	resizeMap(name: string, maxEntries: number): void {
		const { library } = this.#handle;
		const map = this.#handle.mapPointer(name);
		const size = checkU32(`size of ${name}`, maxEntries);
		checkInt(library, `resize ${name}`, library.symbols.bpf_map__set_max_entries(map, size));
	}

	/** Not to be loaded, and so not to be used. */
	leaveOut(program: string): void {
		const { library } = this.#handle;
		const pointer = this.#handle.programPointer(program);
		checkInt(
			library,
			`leave ${program} out`,
			library.symbols.bpf_program__set_autoload(pointer, false),
		);
	}

	/** The whole content of a read-only data section. */
	setConstants(section: string, bytes: Uint8Array): void {
		const { library } = this.#handle;
		const map = this.#handle.mapPointer(section);
		checkInt(
			library,
			`set ${section}`,
			library.symbols.bpf_map__set_initial_value(map, bytes, bytes.length),
		);
	}

	/**
	 * Ends this phase. The loaded object belongs to what `use` makes of it; if loading or `use`
	 * fails, everything is closed. Throws LibbpfError.
	 */
	load<T>(use: (loaded: LoadedObject) => T): T {
		const { library } = this.#handle;
		library.log.take();
		const result = library.symbols.bpf_object__load(this.#handle.pointer);
		if (result < 0) throw this.#refusal(-result);
		const loaded = new LoadedObject(this.#handle);
		this.#isHandedOn = true;
		try {
			return use(loaded);
		} catch (error) {
			loaded[Symbol.dispose]();
			throw error;
		}
	}

	/** With the program that the log names, if it does. */
	#refusal(errno: number): LibbpfError {
		const { library } = this.#handle;
		const log = library.log.take();
		const name = /prog '(\w+)': /.exec(log)?.[1];
		let program: ProgramName | null = null;
		if (name !== undefined) {
			const pointer = this.#handle.programPointer(name);
			const hook = String(library.symbols.bpf_program__section_name(pointer));
			program = { name, hook };
		}
		return new LibbpfError("load the BPF object", errno, errnoName(errno), log, program);
	}

	/** Closes the object unless it was loaded. */
	[Symbol.dispose](): void {
		if (!this.#isHandedOn) this.#handle[Symbol.dispose]();
		this.#targets?.[Symbol.dispose]();
	}
}

/** In the kernel. Its maps and programs die with it. */
export class LoadedObject implements Disposable {
	readonly #handle: ObjectHandle;

	constructor(handle: ObjectHandle) {
		this.#handle = handle;
	}

	/** Throws LayoutError if the map does not hold what its user is going to read. */
	map(name: string, keySize: number, valueSize: number): BpfMap {
		const map = new BpfMap(this.#handle.library, this.#handle.mapPointer(name), name);
		if (map.keySize !== keySize || map.valueSize !== valueSize)
			throw new LayoutError(
				`map ${name}: keys of ${map.keySize} and values of ${map.valueSize} bytes, ` +
					`where ${keySize} and ${valueSize} are expected`,
			);
		return map;
	}

	/** For who reads nothing of it. */
	opaqueMap(name: string): BpfMap {
		return new BpfMap(this.#handle.library, this.#handle.mapPointer(name), name);
	}

	/** All that it has, those of its data sections included. */
	maps(): BpfMap[] {
		const { library, pointer } = this.#handle;
		const maps: BpfMap[] = [];
		for (let last: Pointer | null = null; ; ) {
			const next = library.symbols.bpf_object__next_map(pointer, last);
			if (typeof next !== "number") return maps;
			maps.push(new BpfMap(library, next, String(library.symbols.bpf_map__name(next))));
			last = next;
		}
	}

	program(name: string): BpfProgram {
		return new BpfProgram(this.#handle.library, this.#handle.programPointer(name), name);
	}

	[Symbol.dispose](): void {
		this.#handle[Symbol.dispose]();
	}
}
