/** What an artifact is made of, and under which terms. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { RUNTIME_VERSIONS } from "./runtimes.ts";
import type { Target } from "./target.ts";

export interface Component {
	/** As its makers call it. */
	readonly name: string;
	readonly version: string;
	/** https://github.com/package-url/purl-spec */
	readonly purl: string;
	/** An SPDX expression. */
	readonly license: string;
	/** The terms in full, as the component came with them; null where it came without. */
	readonly terms: string | null;
	/** Where they are to be read, where it came without. */
	readonly termsUrl?: string;
}

export function sha256(path: string): string {
	return createHash("sha256").update(readFileSync(path)).digest("hex");
}

const encodeName = (name: string): string => name.replace("@", "%40");

export function runtimeComponent({ runtime }: Target): Component {
	const version = RUNTIME_VERSIONS[runtime] ?? "";
	return {
		name: "bun",
		version,
		purl: `pkg:npm/${encodeName(runtime)}@${version}`,
		// Bun's own code; it links JavaScriptCore (LGPL-2.0) and others, which its page lists.
		license: "MIT",
		terms: null,
		termsUrl: `https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md`,
	};
}

const TERMS = /^(licen[cs]e|copying)(\.|-|$)/i;

/** `folder` is where the package is. */
export function npmComponent(folder: string): Component {
	const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
	const { name, version, license } = manifest;
	if (typeof license !== "string") throw new Error(`${folder}: package.json has no license`);
	const files = readdirSync(folder).filter((file) => TERMS.test(basename(file)));
	return {
		name,
		version,
		purl: `pkg:npm/${encodeName(name)}@${version}`,
		license,
		terms: files.map((file) => readFileSync(join(folder, file), "utf8")).join("\n") || null,
	};
}
