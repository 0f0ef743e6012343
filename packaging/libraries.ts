/** The shared libraries that the binary carries: Debian's own, as far as they are glibc's. */

import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type Component, sha256 } from "./component.ts";
import { Debian, RELEASE, termsIn } from "./debian.ts";
import { makeMuslLibrary } from "./musl-library.ts";
import type { Target } from "./target.ts";

export interface Library {
	/** Debian's source package. */
	readonly name: string;
	readonly soname: string;
	/** Debian's package. */
	readonly package: string;
	/** Of the library itself, not of the tools beside it, in Debian's words. */
	readonly debianLicense: string;
	/** The same as an SPDX expression. */
	readonly license: string;
}

export const LIBRARIES: readonly Library[] = [
	{
		...{ name: "zlib", soname: "libz.so.1", package: "zlib1g" },
		...{ debianLicense: "Zlib", license: "Zlib" },
	},
	{
		...{ name: "elfutils", soname: "libelf.so.1", package: "libelf1" },
		...{ debianLicense: "LGPL-3+ or GPL-2+", license: "LGPL-3.0-or-later OR GPL-2.0-or-later" },
	},
	{
		...{ name: "libbpf", soname: "libbpf.so.1", package: "libbpf1" },
		...{ debianLicense: "LGPL-2.1 or BSD-2-Clause", license: "LGPL-2.1-only OR BSD-2-Clause" },
	},
];

/** Texts that copyright files only name. */
const COMMON_LICENSES = ["GPL-2", "GPL-3", "LGPL-2.1", "LGPL-3"];

/** Since Debian's /usr is merged a package may have them in either. */
function libraryIn(files: string, { triple }: Target, soname: string): string {
	const paths = ["usr/lib", "lib"].map((path) => join(files, path, triple, soname));
	const path = paths.find((each) => existsSync(each));
	if (path === undefined) throw new Error(`${files}: no ${soname}`);
	return realpathSync(path);
}

/** Into a directory, each by its soname. What is there is told. */
export function fetchLibraries(target: Target, directory: string): Component[] {
	mkdirSync(directory, { recursive: true });
	return target.libc === "musl" ? fromSources(target, directory) : fromPackages(target, directory);
}

function fromPackages(target: Target, directory: string): Component[] {
	const { architecture } = target;
	const debian = new Debian(architecture);
	return LIBRARIES.map(({ name, soname, license, debianLicense, package: packageName }) => {
		const { version, files } = debian.get(packageName);
		const path = join(directory, soname);
		copyFileSync(libraryIn(files, target, soname), path);
		const query = `arch=${architecture}&distro=${RELEASE}`;
		const purl = `pkg:deb/debian/${packageName}@${encodeURIComponent(version)}?${query}`;
		const terms = termsIn(join(files, "usr/share/doc", packageName, "copyright"), debianLicense);
		return { name, version, purl, license, terms, sha256: sha256(path) };
	});
}

/** All are in libbpf.so.1, and the other files are empty: see src/trace/assets.ts. */
function fromSources(target: Target, directory: string): Component[] {
	const debian = new Debian("source");
	const sources = LIBRARIES.map((library) => ({ ...library, ...debian.getSource(library.name) }));
	makeMuslLibrary(target, sources, directory);
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
