/**
 * Makes what a release has, in dist/: `bun dist.ts [TARGET…]`, all targets unless told. For each the
 * binary, an archive of it with its licenses, and a bill of materials; and the checksums of all.
 */

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "./package.json" with { type: "json" };
import { CHECKSUMS, pack, writeChecksums } from "./packaging/archive.ts";
import { billOfMaterials } from "./packaging/bill-of-materials.ts";
import { buildTarget } from "./packaging/build-target.ts";
import type { Component } from "./packaging/component.ts";
import { copyCommonLicenses } from "./packaging/libraries.ts";
import { run, say } from "./packaging/shell.ts";
import { smokeRun } from "./packaging/smoke-run.ts";
import { hostTarget, TARGETS, type Target, targetNamed } from "./packaging/target.ts";

const { name, version, license } = manifest;
const ROOT = import.meta.dir;
const DIST = join(ROOT, "dist");
const UNIT = "conntracer.service";
const TEXTS = ["README.md", "CHANGELOG.md", "LICENSE"];

/** A folder with the binary, as users have it, and everybody's terms. */
const writeFolder = (folder: string, binary: string, components: readonly Component[]): void => {
	const licenses = join(folder, "licenses");
	mkdirSync(licenses, { recursive: true });
	copyFileSync(binary, join(folder, name));
	for (const text of TEXTS) copyFileSync(join(ROOT, text), join(folder, text));
	copyFileSync(join(ROOT, "packaging", "systemd", UNIT), join(folder, UNIT));
	for (const component of components) {
		const { terms, termsUrl = "" } = component;
		const text = terms ?? `${component.license}\n${termsUrl}\n`;
		writeFileSync(join(licenses, component.name.replaceAll("/", "-")), text);
	}
	copyCommonLicenses(licenses);
	run(["chmod", "-R", "u=rwX,go=rX", folder]);
};

/** Returns the names of its files. */
const release = async (target: Target): Promise<string[]> => {
	const title = `${name}-${version}-${target.name}`;
	const path = join(DIST, title);
	say(`dist/${title}`);
	const components = await buildTarget(target, path);
	if (target.name === hostTarget().name) smokeRun([path]);
	const bill = billOfMaterials({ name, version, license, path }, components);
	writeFileSync(`${path}.cdx.json`, `${JSON.stringify(bill, null, "\t")}\n`);
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-dist-"));
	try {
		writeFolder(join(scratch, title), path, components);
		pack(join(scratch, title), `${path}.tar.gz`);
	} finally {
		rmSync(scratch, { recursive: true });
	}
	return [title, `${title}.tar.gz`, `${title}.cdx.json`];
};

const wanted = process.argv.slice(2).map(targetNamed);
const files: string[] = [];
for (const target of wanted.length > 0 ? wanted : TARGETS) files.push(...(await release(target)));
writeChecksums(DIST, files);
say(`dist/${CHECKSUMS} has the names and checksums`);
