/** Makes a kernel of Debian's ready to be booted; what is done once is kept outside the tree. */

import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Architecture, type Package, Suite, unpack } from "../../packaging/apt.ts";
import { cacheDirectory } from "../../packaging/cache.ts";
import { run, say } from "../../packaging/shell.ts";
import { type DebianKernel, nameOn } from "./kernels.ts";

/** A directory of the cache. */
export interface PreparedKernel {
	readonly name: string;
	readonly architecture: Architecture;
	/** As `uname -r` says it. */
	readonly release: string;
	/** Of the Debian package. */
	readonly version: string;
	readonly image: string;
	/** Has lib/modules. */
	readonly directory: string;
}

/** Raised when what is kept is made in another way. */
const FORMAT = 1;
const CACHE = cacheDirectory("kernels");

/** Since 6.19 an image is three packages. */
const PARTS = /^linux-(?:image|binary|modules|base)-\d/;

/** Hardware that no guest has is most of the size. */
const LEFT_OUT = [
	...["sound", "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/scsi"],
	...["drivers/net/ethernet", "drivers/net/wireless", "drivers/iio", "drivers/staging"],
].map((path) => `--exclude=*/kernel/${path}`);

export function prepareKernel(
	{ name, suite }: DebianKernel,
	architecture: Architecture,
): PreparedKernel {
	const source = new Suite(suite, CACHE, { architecture });
	source.refresh();
	const packages = source.closure(`linux-image-${architecture}`, PARTS).slice(1);
	const version = packages[0]?.version ?? "";
	const key = architecture === "amd64" ? name : `${name}-${architecture}`;
	const directory = join(CACHE, key);
	const id = `${version} (${FORMAT})`;
	const stamp = join(directory, "version");
	if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== id) {
		say(`${key}: getting ${packages.map((each) => each.name).join(", ")} ${version}`);
		const scratch = mkdtempSync(join(CACHE, `${key}.`));
		try {
			fill(scratch, source, packages);
			writeFileSync(join(scratch, "version"), id);
			rmSync(directory, { recursive: true, force: true });
			renameSync(scratch, directory);
		} finally {
			rmSync(scratch, { recursive: true, force: true });
		}
	}
	return {
		name: nameOn(architecture, name),
		architecture,
		version,
		release: releaseIn(directory),
		image: join(directory, "vmlinuz"),
		directory,
	};
}

function fill(directory: string, source: Suite, packages: readonly Package[]): void {
	const debs = join(directory, "debs");
	const root = join(directory, "root");
	for (const path of [debs, root, join(directory, "lib")]) mkdirSync(path);
	source.download(packages, debs);
	for (const name of readdirSync(debs)) {
		unpack(join(debs, name), root, LEFT_OUT);
	}
	const modules = ["usr/lib/modules", "lib/modules"]
		.map((path) => join(root, path))
		.find((path) => existsSync(path));
	if (modules === undefined) throw new Error(`${directory}: no modules in the packages`);
	renameSync(modules, join(directory, "lib/modules"));
	const release = releaseIn(directory);
	const image = [`boot/vmlinuz-${release}`, `../lib/modules/${release}/vmlinuz`]
		.map((path) => join(root, path))
		.find((path) => existsSync(path));
	if (image === undefined) throw new Error(`${directory}: no image in the packages`);
	renameSync(image, join(directory, "vmlinuz"));
	run(["depmod", "--basedir", directory, release]);
	for (const path of [debs, root]) rmSync(path, { recursive: true });
}

function releaseIn(directory: string): string {
	const [release, ...others] = readdirSync(join(directory, "lib/modules"));
	if (release === undefined || others.length > 0)
		throw new Error(`${directory}/lib/modules: one kernel is expected`);
	return release;
}
