/** The libraries that a binary carries. */

import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeCarriedLibrary } from "./carried-library.ts";
import type { Component } from "./component.ts";
import { Debian, RELEASE, termsIn } from "./debian.ts";
import type { Target } from "./target.ts";

export interface Library {
	/** Debian's source package. */
	readonly name: string;
	readonly soname: string;
	/** Of the library itself, not of the tools beside it, in Debian's words. */
	readonly debianLicense: string;
	/** The same as an SPDX expression. */
	readonly license: string;
}

export const LIBRARIES: readonly Library[] = [
	{
		...{ name: "zlib", soname: "libz.so.1" },
		...{ debianLicense: "Zlib", license: "Zlib" },
	},
	{
		...{ name: "elfutils", soname: "libelf.so.1" },
		...{ debianLicense: "LGPL-3+ or GPL-2+", license: "LGPL-3.0-or-later OR GPL-2.0-or-later" },
	},
	{
		...{ name: "libbpf", soname: "libbpf.so.1" },
		...{ debianLicense: "LGPL-2.1 or BSD-2-Clause", license: "LGPL-2.1-only OR BSD-2-Clause" },
	},
];

/** Texts that copyright files only name. */
const COMMON_LICENSES = ["GPL-2", "GPL-3", "LGPL-2.1", "LGPL-3"];

/** Into a directory, each by its soname. Returns what is there. */
export function makeLibraries(target: Target, directory: string): Component[] {
	mkdirSync(directory, { recursive: true });
	const debian = new Debian("source");
	const sources = LIBRARIES.map((library) => ({ ...library, ...debian.getSource(library.name) }));
	makeCarriedLibrary(target, sources, directory);
	return sources.map(({ name, version, files, license, debianLicense }) => ({
		...{ name, version, license },
		purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=source&distro=${RELEASE}`,
		terms: termsIn(join(files, "debian/copyright"), debianLicense),
	}));
}

/** Into a directory: those of Debian's that copyright files name. */
export function copyCommonLicenses(directory: string): void {
	const { files } = new Debian("amd64").get("base-files");
	for (const name of COMMON_LICENSES)
		copyFileSync(join(files, "usr/share/common-licenses", name), join(directory, name));
}
