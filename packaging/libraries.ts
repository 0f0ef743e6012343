/** The shared libraries that the binary carries, as Debian 12 has them, with its security updates. */

import {
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
} from "node:fs";
import { join } from "node:path";
import { type Package, Suite, unpack } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { say } from "./shell.ts";
import type { Target } from "./target.ts";

/** One that the binary carries. */
export interface Component {
	/** As its makers call it. */
	readonly name: string;
	/** Of Debian's package. */
	readonly version: string;
	/** Debian's package, for this architecture or of sources. */
	readonly purl: string;
	/** An SPDX expression. */
	readonly license: string;
	/** What Debian's package says of it. */
	readonly copyright: string;
}

export const DEBIAN_RELEASE = "bookworm";
const SUITES = `${DEBIAN_RELEASE} ${DEBIAN_RELEASE}-security`;

interface Library {
	readonly name: string;
	readonly soname: string;
	readonly package: string;
	/** Of the library itself, as /usr/share/doc/…/copyright says; not of the tools beside it. */
	readonly license: string;
}

export const LIBRARIES: readonly Library[] = [
	{ name: "zlib", soname: "libz.so.1", package: "zlib1g", license: "Zlib" },
	{
		...{ name: "elfutils libelf", soname: "libelf.so.1", package: "libelf1" },
		license: "LGPL-3.0-or-later OR GPL-2.0-or-later",
	},
	{
		...{ name: "libbpf", soname: "libbpf.so.1", package: "libbpf1" },
		license: "LGPL-2.1-only OR BSD-2-Clause",
	},
];

/** The files of a package: a directory that is kept. */
function filesOf(source: Suite, cache: string, wanted: Package): string {
	const directory = join(cache, `${wanted.name}_${wanted.version.replace(":", "%3a")}`);
	if (existsSync(directory)) return directory;
	say(`getting ${wanted.name} ${wanted.version}`);
	const scratch = mkdtempSync(`${directory}.`);
	try {
		const files = join(scratch, "files");
		mkdirSync(files);
		source.download([wanted], scratch);
		for (const name of readdirSync(scratch))
			if (name.endsWith(".deb")) unpack(join(scratch, name), files);
		renameSync(files, directory);
	} finally {
		rmSync(scratch, { recursive: true });
	}
	return directory;
}

/** Since Debian's /usr is merged a package may have them in either. */
function libraryIn(files: string, { triple }: Target, soname: string): string {
	const paths = ["usr/lib", "lib"].map((path) => join(files, path, triple, soname));
	const path = paths.find((each) => existsSync(each));
	if (path === undefined) throw new Error(`${files}: no ${soname}`);
	return realpathSync(path);
}

/** Into a directory, each by its soname. What is there is told. */
export function fetchLibraries(target: Target, directory: string): Component[] {
	const { architecture } = target;
	const cache = join(cacheDirectory("libraries"), architecture);
	mkdirSync(directory, { recursive: true });
	mkdirSync(cache, { recursive: true });
	const source = new Suite(SUITES, cacheDirectory("libraries"), { architecture });
	source.refresh();
	return LIBRARIES.map(({ name, soname, package: packageName, license }) => {
		const found = source.find(packageName);
		const files = filesOf(source, cache, found);
		copyFileSync(libraryIn(files, target, soname), join(directory, soname));
		const copyright = readFileSync(join(files, "usr/share/doc", packageName, "copyright"), "utf8");
		const version = encodeURIComponent(found.version);
		const query = `arch=${architecture}&distro=${DEBIAN_RELEASE}`;
		const purl = `pkg:deb/debian/${packageName}@${version}?${query}`;
		return { name, version: found.version, purl, license, copyright };
	});
}
