/** libbpf itself: the system's when it is there and new enough, else the copy that we carry. */

import { dlopen, type Library } from "bun:ffi";
import { writeSync } from "node:fs";
import { LibbpfMissingError } from "../errors.ts";
import { memoryFile } from "./libc.ts";
import { LibbpfLog } from "./log.ts";
import { LIBBPF_SYMBOLS } from "./symbols.ts";

type Opened = Library<typeof LIBBPF_SYMBOLS>;

/** A shared library that we carry; dependencies come before who needs them. */
export interface CarriedLibrary {
	readonly name: string;
	readonly bytes: Uint8Array;
}

const SYSTEM_NAME = "libbpf.so.1";
/** What libbpf needs, each with a function of its own (dlopen of bun:ffi wants one). */
const DEPENDENCIES: Readonly<Record<string, string>> = {
	"libz.so.1": "zlibVersion",
	"libelf.so.1": "elf_version",
};
const REMEDY =
	"install libbpf 1.0 or newer (Debian: apt install libbpf1), or name one with --libbpf";

export class Libbpf {
	/** For example "1.1 (system)". */
	readonly version: string;
	readonly symbols: Opened["symbols"];
	readonly log = new LibbpfLog();

	private constructor(library: Opened, origin: string) {
		this.symbols = library.symbols;
		const major = this.symbols.libbpf_major_version();
		const minor = this.symbols.libbpf_minor_version();
		this.version = `${major}.${minor} (${origin})`;
		this.symbols.libbpf_set_print(this.log.pointer);
	}

	/**
	 * `path` names one library and no other is tried. Libraries stay loaded as long as the
	 * process lives: unloading code that a callback points into gains nothing.
	 * Throws LibbpfMissingError.
	 */
	static open(path: string | null, carried: () => readonly CarriedLibrary[]): Libbpf {
		if (path !== null) return Libbpf.#shared(path, path, () => Libbpf.#tryPath(path));
		return Libbpf.#shared("", SYSTEM_NAME, () => {
			const system = Libbpf.#tryPath(SYSTEM_NAME);
			return typeof system === "string" ? Libbpf.#tryCarried(carried()) : system;
		});
	}

	static readonly #opened = new Map<string, Libbpf>();

	/** One per process and path: there is one libbpf_set_print to be had. */
	static #shared(key: string, name: string, open: () => Libbpf | string): Libbpf {
		const known = Libbpf.#opened.get(key);
		if (known !== undefined) return known;
		const library = open();
		if (typeof library === "string")
			throw new LibbpfMissingError(`cannot load ${name}: ${library}`, REMEDY);
		Libbpf.#opened.set(key, library);
		return library;
	}

	static #tryPath(path: string, origin = path === SYSTEM_NAME ? "system" : path): Libbpf | string {
		try {
			// libbpf before 1.0 has no libbpf_major_version, so opening it fails here.
			return new Libbpf(dlopen(path, LIBBPF_SYMBOLS), origin);
		} catch (error) {
			return (error as Error).message;
		}
	}

	/** From memory: the loader finds a dependency that is already loaded by its SONAME. */
	static #tryCarried(libraries: readonly CarriedLibrary[]): Libbpf | string {
		let last: Libbpf | string = "no copy is carried";
		for (const { name, bytes } of libraries) {
			const fd = memoryFile(name);
			for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
			const path = `/proc/self/fd/${fd}`;
			const symbol = DEPENDENCIES[name];
			try {
				if (symbol === undefined) last = Libbpf.#tryPath(path, "bundled");
				else dlopen(path, { [symbol]: { args: [], returns: "ptr" } });
			} catch (error) {
				return (error as Error).message; // this machine's libc is too old for it
			}
		}
		return last;
	}
}
