/** A file of the system that is read again when it has changed. */

import { readFileSync, statSync } from "node:fs";

export interface ChangingFileOptions {
	/** Milliseconds of a clock that never goes back. */
	readonly now?: () => number;
	/** A file that is larger counts as one that is not there. */
	readonly mostBytes?: number;
}

/** How often it is looked at, at most. */
const INTERVAL_MS = 1000;

/** What `parse` makes of a file as it is now, or at most a second ago. */
export class ChangingFile<T> {
	readonly #path: string;
	readonly #parse: (text: string) => T;
	readonly #now: () => number;
	readonly #mostBytes: number;
	#nextLook = Number.NEGATIVE_INFINITY;
	#version = "";
	#value: T;

	/** @param parse gets "" where there is no file, or it may not be read */
	constructor(
		path: string,
		parse: (text: string) => T,
		{ now = () => performance.now(), mostBytes = 2 ** 23 }: ChangingFileOptions = {},
	) {
		this.#path = path;
		this.#parse = parse;
		this.#now = now;
		this.#mostBytes = mostBytes;
		this.#value = parse("");
	}

	get value(): T {
		const now = this.#now();
		if (now >= this.#nextLook) {
			this.#nextLook = now + INTERVAL_MS;
			this.#look();
		}
		return this.#value;
	}

	#look(): void {
		try {
			const { ino, size, mtimeNs } = statSync(this.#path, { bigint: true });
			const version = `${ino} ${size} ${mtimeNs}`;
			if (version === this.#version) return;
			this.#version = version;
			this.#value = this.#parse(size > this.#mostBytes ? "" : readFileSync(this.#path, "utf8"));
		} catch {
			this.#version = "";
			this.#value = this.#parse("");
		}
	}
}
