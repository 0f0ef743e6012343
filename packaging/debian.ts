/** Packages of Debian, with its security updates, unpacked and kept. */

import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
} from "node:fs";
import { join } from "node:path";
import { type Architecture, Suite, unpack } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { run, say } from "./shell.ts";

/** Debian 12. */
export const RELEASE = "bookworm";

interface Unpacked {
	readonly version: string;
	/** A directory. */
	readonly files: string;
}

export class Debian {
	readonly #suite: Suite;
	readonly #cache: string;

	/** Of an architecture; or its sources, with Debian's changes to them. */
	constructor(kind: Architecture | "source", suites = `${RELEASE} ${RELEASE}-security`) {
		const all = cacheDirectory("debian");
		this.#cache = join(all, suites.replace(" ", "+"), kind);
		mkdirSync(this.#cache, { recursive: true });
		const options = kind === "source" ? { hasSources: true } : { architecture: kind };
		this.#suite = new Suite(suites, all, options);
		this.#suite.refresh();
	}

	/** The newest version of a package. */
	get(name: string): Unpacked {
		const wanted = this.#suite.find(name);
		return this.#keep(name, wanted.version, (scratch, files) => {
			mkdirSync(files);
			this.#suite.download([wanted], scratch);
			for (const each of endingWith(scratch, ".deb")) unpack(each, files);
		});
	}

	/** The same of a source package. */
	getSource(name: string): Unpacked {
		const version = this.#suite.sourceVersion(name);
		return this.#keep(name, version, (scratch, files) => {
			this.#suite.downloadSource(name, version, scratch);
			// apt has compared the checksums with those that Debian has signed.
			for (const each of endingWith(scratch, ".dsc"))
				run(["dpkg-source", "--no-check", "-x", each, files]);
		});
	}

	#keep(name: string, version: string, fill: (scratch: string, files: string) => void): Unpacked {
		const kept = join(this.#cache, `${name}_${version.replace(":", "%3a")}`);
		if (existsSync(kept)) return { version, files: kept };
		say(`getting ${name} ${version}`);
		const scratch = mkdtempSync(`${kept}.`);
		try {
			const files = join(scratch, "files");
			fill(scratch, files);
			renameSync(files, kept);
		} finally {
			rmSync(scratch, { recursive: true });
		}
		return { version, files: kept };
	}
}

const endingWith = (directory: string, ending: string): string[] =>
	readdirSync(directory)
		.filter((name) => name.endsWith(ending))
		.map((name) => join(directory, name));

/**
 * What a copyright file says.
 * @throws where `license` is none of those that it names
 */
export function termsIn(path: string, license: string): string {
	const text = readFileSync(path, "utf8");
	const stated = [...text.matchAll(/^License: +(.*)$/gm)].map(([, each]) => each);
	if (!stated.includes(license)) throw new Error(`${path}: has no License: ${license}`);
	return text;
}
