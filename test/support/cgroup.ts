/** A cgroup v2 of a test's own, with programs of others in it. */

import {
	closeSync,
	mkdirSync,
	openSync,
	readFileSync,
	rmdirSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { cgroup2MountPoint } from "../../src/enrich/cgroups.ts";
import { mounts } from "../../src/enrich/procfs.ts";
import { Libbpf } from "../../src/ffi/library.ts";
import { OpenObject } from "../../src/ffi/object.ts";
import { bundledLibraries } from "../../src/trace/assets.ts";

const SUPPORT = import.meta.dir;
const OBJECT = resolve(SUPPORT, "../../build/test/neighbour.bpf.o");

let made = 0;

/** What is in it must have ended when it is disposed of. */
export class TestCgroup implements Disposable {
	readonly path: string;
	readonly #owned = new DisposableStack();

	constructor() {
		const root = cgroup2MountPoint(mounts());
		if (root === null) throw new Error("cgroup v2 is not mounted");
		this.path = join(root, `conntracer-udp-${process.pid}-${made++}`);
		mkdirSync(this.path);
		this.#owned.defer(() => rmdirSync(this.path));
	}

	/** As records have it. */
	get id(): string {
		return String(statSync(this.path).ino);
	}

	take(pid: number): void {
		writeFileSync(join(this.path, "cgroup.procs"), String(pid));
	}

	/** Attaches programs of neighbour.bpf.c, until disposed. */
	attach(...programs: readonly string[]): void {
		const compile = ["clang", "-O2", "-g", "-target", "bpf", "-c"];
		const run = Bun.spawnSync([...compile, join(SUPPORT, "neighbour.bpf.c"), "-o", OBJECT]);
		if (!run.success) throw new Error(`neighbour.bpf.c does not compile:\n${run.stderr}`);
		const library = Libbpf.open(null, bundledLibraries);
		const object = readFileSync(OBJECT);
		using open = OpenObject.open(library, object, { name: "neighbour", btfPath: null });
		const loaded = this.#owned.use(open.load((it) => it));
		const directory = openSync(this.path, "r");
		try {
			for (const name of programs) this.#owned.use(loaded.program(name).attachToCgroup(directory));
		} finally {
			closeSync(directory);
		}
	}

	[Symbol.dispose](): void {
		this.#owned.dispose();
	}
}
