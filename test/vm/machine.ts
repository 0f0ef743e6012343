/** What a guest has of the project: on this architecture all that the host has, on another its own. */

import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Architecture } from "../../packaging/apt.ts";
import { buildTarget } from "../../packaging/build-target.ts";
import { cacheDirectory } from "../../packaging/cache.ts";
import { runtimeFor } from "../../packaging/runtimes.ts";
import { say } from "../../packaging/shell.ts";
import { hostTarget, type Target, targetNamed } from "../../packaging/target.ts";
import { bpfObject } from "../support/bpf-object.ts";
import { cProgram } from "../support/c-program.ts";
import type { GuestFiles } from "./guest.ts";
import { prepareRoot } from "./root.ts";

const ROOT = resolve(import.meta.dir, "../..");
const BUILD = join(ROOT, "build");

/** A guest would take long to compile them. */
const C_PROGRAMS = ["traffic", "sockets", "puppet", "datagrams", "brief", "acceptors"];
const BPF_OBJECTS = ["lose", "switches"];

export interface Machine {
	readonly architecture: Architecture;
	readonly files: GuestFiles;
	/** Bun's path in the guest. */
	readonly bun: string;
	/** Run in the guest before the tests. */
	readonly prelude: string;
}

function hostMachine(): Machine {
	for (const program of C_PROGRAMS) cProgram(program);
	for (const object of BPF_OBJECTS) bpfObject(object);
	return {
		architecture: hostTarget().architecture,
		files: { root: "/", shared: [] },
		bun: process.execPath,
		prelude: "",
	};
}

/** The tests look for what is built in build/ and in dist/: there the guest sees what is its own. */
async function foreignMachine(target: Target): Promise<Machine> {
	const { architecture, triple } = target;
	const root = prepareRoot(architecture);
	const parts = join(BUILD, target.name);
	say(`building for ${target.name}`);
	await buildTarget(target, join(parts, "dist/conntracer"));
	const programs = join(parts, "test");
	mkdirSync(programs, { recursive: true });
	const compiler = ["clang", `--target=${triple}`, `--sysroot=${root}`, "-fuse-ld=lld"];
	for (const program of C_PROGRAMS) cProgram(program, { compiler, directory: programs });
	// BPF is the same everywhere.
	for (const object of BPF_OBJECTS) bpfObject(object);
	for (const name of readdirSync(join(BUILD, "test")).filter((each) => each.endsWith(".o")))
		copyFileSync(join(BUILD, "test", name), join(programs, name));
	const bind = (from: string, to: string): string =>
		`mount --bind '${from}' '${join(ROOT, to)}' || exit`;
	return {
		architecture,
		files: { root, shared: [ROOT, cacheDirectory("")] },
		bun: runtimeFor(target),
		prelude: [bind(join(parts, "dist"), "dist"), bind(parts, "build")].join("\n"),
	};
}

export async function prepareMachine(architecture: Architecture): Promise<Machine> {
	const host = hostTarget();
	if (architecture === host.architecture) return hostMachine();
	return await foreignMachine(targetNamed(architecture === "arm64" ? "linux-arm64" : "linux-x64"));
}
