/**
 * The files of a machine of another architecture: Debian's packages, unpacked and not configured.
 * With headers and libraries for compiling C programs for it.
 */

import {
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Architecture, Suite, unpack } from "../../packaging/apt.ts";
import { cacheDirectory } from "../../packaging/cache.ts";
import { say } from "../../packaging/shell.ts";

/** Raised when what is kept is made in another way. */
const FORMAT = 1;
/** As ./dev installs for the tests. */
const FOR_TESTS = ["libbpf1", "bpftool", "iproute2", "procps", "kmod", "mount"];
const FOR_COMPILING = ["libc6-dev", "linux-libc-dev", "libgcc-12-dev"];
const FOR_BOOTING = ["busybox-static"];
const PACKAGES = ["?essential", ...FOR_TESTS, ...FOR_COMPILING, ...FOR_BOOTING];

/** debootstrap makes these; no package has them. */
const MERGED = ["bin", "lib", "sbin"];
const DIRECTORIES = ["dev", "proc", "root", "run", "sys", "tmp"];

/** Its path. */
export function prepareRoot(architecture: Architecture): string {
	const cache = cacheDirectory("roots");
	const source = new Suite("bookworm bookworm-security", cache, { architecture });
	source.refresh();
	const packages = source.solve(PACKAGES);
	const id = [FORMAT, ...packages.map(({ name, version }) => `${name} ${version}`)].join("\n");
	const directory = join(cache, architecture);
	const stamp = `${directory}.packages`;
	if (existsSync(stamp) && readFileSync(stamp, "utf8") === id) return directory;
	say(`getting ${packages.length} packages of Debian 12 for ${architecture}`);
	const scratch = mkdtempSync(join(cache, `${architecture}.`));
	try {
		const debs = join(scratch, "debs");
		mkdirSync(debs);
		source.download(packages, debs);
		fill(join(scratch, "root"), debs);
		rmSync(directory, { recursive: true, force: true });
		renameSync(join(scratch, "root"), directory);
		writeFileSync(stamp, id);
	} finally {
		rmSync(scratch, { recursive: true });
	}
	return directory;
}

function fill(root: string, debs: string): void {
	for (const name of MERGED) {
		mkdirSync(join(root, "usr", name), { recursive: true });
		symlinkSync(`usr/${name}`, join(root, name));
	}
	for (const name of DIRECTORIES) mkdirSync(join(root, name), { recursive: true });
	for (const name of readdirSync(debs)) unpack(join(debs, name), root);
	// What the packages' own scripts would do, as far as it is missed.
	for (const name of ["passwd", "group"])
		copyFileSync(join(root, `usr/share/base-passwd/${name}.master`), join(root, "etc", name));
}
