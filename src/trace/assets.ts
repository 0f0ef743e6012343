/**
 * The files that the binary carries: the BPF objects, and libbpf with what it needs.
 * In the compiled binary their paths are virtual: only bun's own file functions can read them.
 */

import { readFileSync } from "node:fs";
import objectPath from "../../build/conntracer.bpf.o" with { type: "file" };
import conntrackPath from "../../build/conntrack.bpf.o" with { type: "file" };
import countsPath from "../../build/counts.bpf.o" with { type: "file" };
import libbpfPath from "../../build/lib/libbpf.so.1" with { type: "file" };
import libelfPath from "../../build/lib/libelf.so.1" with { type: "file" };
import libzPath from "../../build/lib/libz.so.1" with { type: "file" };
import listPath from "../../build/list.bpf.o" with { type: "file" };
import probePath from "../../build/probe.bpf.o" with { type: "file" };
import withoutFetchPath from "../../build/without-fetch.bpf.o" with { type: "file" };

export interface BundledLibrary {
	/** The soname, under which the others ask for it. */
	readonly name: string;
	/** Read from the binary each time. */
	readonly bytes: Uint8Array;
}

const bundled = (name: string, path: string): BundledLibrary => ({
	name,
	get bytes() {
		return readFileSync(path);
	},
});

/** The BPF object, an ELF file with BTF. */
export const bpfObject = (): Uint8Array => readFileSync(objectPath);

/** The same, for kernels before 5.12. */
export const bpfObjectWithoutFetch = (): Uint8Array => readFileSync(withoutFetchPath);

/** The one that lists sockets. */
export const listObject = (): Uint8Array => readFileSync(listPath);

/** The one with the hooks of conntrack. */
export const conntrackObject = (): Uint8Array => readFileSync(conntrackPath);

/** The one that finds out which hooks there are. */
export const probeObject = (): Uint8Array => readFileSync(probePath);

/** The one that counts the entries of maps. */
export const countsObject = (): Uint8Array => readFileSync(countsPath);

/**
 * In the order in which they must be loaded: what is needed before what needs it. What
 * packaging/ makes has all in libbpf.so.1, and nothing in the others.
 */
export const bundledLibraries = (): BundledLibrary[] =>
	[
		bundled("libz.so.1", libzPath),
		bundled("libelf.so.1", libelfPath),
		bundled("libbpf.so.1", libbpfPath),
	].filter(({ bytes }) => bytes.length > 0);
