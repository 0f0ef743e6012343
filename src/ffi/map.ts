/** A BPF map of raw bytes. Keys and values are given meaning by codecs, elsewhere. */

import type { Pointer } from "bun:ffi";
import { checkInt, checkLength, checkU32 } from "./check.ts";
import { ENOENT } from "./errno.ts";
import { objectInfo } from "./info.ts";
import { MappedRegion } from "./libc.ts";
import type { Libbpf } from "./library.ts";

/** struct bpf_map_info of include/uapi/linux/bpf.h, as far as it is read. */
const MAP_INFO = { size: 8, type: 0, id: 4 } as const;

export class BpfMap {
	readonly name: string;
	readonly fd: number;
	readonly keySize: number;
	readonly valueSize: number;
	readonly maxEntries: number;
	readonly #library: Libbpf;

	/** SAFETY: the object owns the map and its fd; a map must not be used after the object's close. */
	constructor(library: Libbpf, pointer: Pointer, name: string) {
		const { symbols } = library;
		this.#library = library;
		this.name = name;
		this.fd = checkInt(library, `fd of map ${name}`, symbols.bpf_map__fd(pointer));
		this.keySize = symbols.bpf_map__key_size(pointer);
		this.valueSize = symbols.bpf_map__value_size(pointer);
		this.maxEntries = symbols.bpf_map__max_entries(pointer);
	}

	/** BPF_MAP_TYPE_…, and what the kernel calls it as long as it is there. */
	identity(): { readonly type: number; readonly id: number } {
		const info = objectInfo(this.#library, this.fd, MAP_INFO.size, `info of ${this.name}`);
		const field = (offset: number): number => info?.view.getUint32(offset, true) ?? 0;
		return { type: field(MAP_INFO.type), id: field(MAP_INFO.id) };
	}

	/** Fills `value`; false if there is no such key. */
	lookup(key: Uint8Array, value: Uint8Array): boolean {
		checkLength(`key of ${this.name}`, key, this.keySize);
		checkLength(`value of ${this.name}`, value, this.valueSize);
		const result = this.#library.symbols.bpf_map_lookup_elem(this.fd, key, value);
		if (result === -ENOENT) return false;
		checkInt(this.#library, `lookup in ${this.name}`, result);
		return true;
	}

	/** Sets a slot of an array of programs, which can be called from then on. */
	setProgram(index: number, program: { readonly fd: number; readonly name: string }): void {
		const [key, value] = [Uint32Array.of(index), Uint32Array.of(program.fd)];
		const BPF_ANY = 0;
		const result = this.#library.symbols.bpf_map_update_elem(this.fd, key, value, BPF_ANY);
		checkInt(this.#library, `put ${program.name} into ${this.name}`, result);
	}

	/** To the end of a queue. */
	push(value: Uint8Array): void {
		checkLength(`value of ${this.name}`, value, this.valueSize);
		const BPF_ANY = 0;
		const result = this.#library.symbols.bpf_map_update_elem(this.fd, null, value, BPF_ANY);
		checkInt(this.#library, `push to ${this.name}`, result);
	}

	/** Every key, for maps from which nothing is deleted meanwhile: a deleted key starts it over. */
	*keys(): Generator<Uint8Array> {
		let previous: Uint8Array | null = null;
		for (;;) {
			const next = new Uint8Array(this.keySize);
			const result = this.#library.symbols.bpf_map_get_next_key(this.fd, previous, next);
			if (result === -ENOENT) return;
			checkInt(this.#library, `keys of ${this.name}`, result);
			yield next;
			previous = next;
		}
	}

	/** Deletes `count` keys that stand one after another. A key that is not there is passed over. */
	deleteAll(keys: Uint8Array, count: number): void {
		checkLength(`keys of ${this.name}`, keys, checkU32("count", count) * this.keySize);
		const done = new Uint32Array(1);
		for (let from = 0; from < count; from += (done[0] ?? 0) + 1) {
			done[0] = count - from;
			const result = this.#library.symbols.bpf_map_delete_batch(
				this.fd,
				keys.subarray(from * this.keySize),
				done,
				null,
			);
			if (result === -ENOENT) continue;
			checkInt(this.#library, `delete from ${this.name}`, result);
			return;
		}
	}

	/** The values of an array made with BPF_F_MMAPABLE, in place. The caller closes the region. */
	mapMemory(): MappedRegion {
		const stride = Math.ceil(this.valueSize / 8) * 8;
		return new MappedRegion(this.fd, stride * this.maxEntries, `mmap ${this.name}`);
	}
}
