import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { billOfMaterials } from "../../packaging/bill-of-materials.ts";
import { npmComponent, runtimeComponent } from "../../packaging/component.ts";
import { termsIn } from "../../packaging/debian.ts";
import { LIBRARIES } from "../../packaging/libraries.ts";
import { TARGETS } from "../../packaging/target.ts";
import { bundledLibraries } from "../../src/trace/assets.ts";

const MODULES = resolve(import.meta.dir, "../../node_modules");
const directory = mkdtempSync(join(tmpdir(), "conntracer-bill-"));

afterAll(() => rmSync(directory, { recursive: true }));

const LIBRARY = {
	...{ name: "libthing", version: "1:2.3+deb12u1", license: "MIT OR BSD-2-Clause" },
	...{ purl: "pkg:deb/debian/libthing1@1%3A2.3%2Bdeb12u1", terms: "…" },
};

test("a bill names the binary by its checksum, and each component with version and license", () => {
	const path = join(directory, "binary");
	writeFileSync(path, "a program");
	const product = { name: "conntracer", version: "1.2.3", license: "Apache-2.0", path };
	const bill = billOfMaterials(product, [LIBRARY]);
	expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
	const content = createHash("sha256").update("a program").digest("hex");
	expect(bill.metadata.component).toMatchObject({
		...{ name: "conntracer", version: "1.2.3", hashes: [{ alg: "SHA-256", content }] },
	});
	expect(bill.components).toEqual([
		{
			type: "library",
			"bom-ref": LIBRARY.purl,
			...{ name: "libthing", version: "1:2.3+deb12u1", purl: LIBRARY.purl },
			licenses: [{ expression: "MIT OR BSD-2-Clause" }],
		},
	]);
});

test("all that a bill refers to is in it", () => {
	const path = join(directory, "binary");
	writeFileSync(path, "a program");
	const product = { name: "conntracer", version: "1.2.3", license: "Apache-2.0", path };
	const bill = billOfMaterials(product, [LIBRARY, ...TARGETS.map(runtimeComponent)]);
	const refs = [bill.metadata.component, ...bill.components].map((each) => each["bom-ref"]);
	expect(bill.dependencies.map(({ ref }) => ref)).toEqual(refs);
	expect(bill.dependencies[0]).toEqual({ ref: "conntracer@1.2.3", dependsOn: refs.slice(1) });
});

test.each(Object.entries(manifest.dependencies))(
	"%s has the version of package.json, its license and the text of it",
	(name, version) => {
		const { license, terms, ...rest } = npmComponent(join(MODULES, name));
		expect(rest).toEqual({ name, version, purl: `pkg:npm/${name}@${version}` });
		expect(license).toBe(name === "prom-client" ? "Apache-2.0" : "MIT");
		const text = readdirSync(join(MODULES, name)).find((file) => /^licen[cs]e/i.test(file)) ?? "";
		expect(terms).toBe(readFileSync(join(MODULES, name, text), "utf8"));
	},
);

test("Bun is named by the package that it came in", () => {
	const [, version] = manifest.packageManager.split("@");
	expect(TARGETS.map((target) => runtimeComponent(target).purl)).toEqual(
		["x64", "aarch64", "x64-musl", "aarch64-musl"].map(
			(name) => `pkg:npm/%40oven/bun-linux-${name}@${version}`,
		),
	);
});

test("every library that the program takes from the binary is one that a bill lists", () => {
	const listed = LIBRARIES.map(({ soname }) => soname);
	expect(listed).toEqual(bundledLibraries().map(({ name }) => name));
});

test("a license that Debian does not state is not claimed", () => {
	const path = join(directory, "copyright");
	const text =
		"Files: *\nLicense: LGPL-2.1 or BSD-2-Clause\n\nFiles: debian/*\nLicense:   GPL-2+\n";
	writeFileSync(path, text);
	expect(termsIn(path, "LGPL-2.1 or BSD-2-Clause")).toBe(text);
	expect(termsIn(path, "GPL-2+")).toBe(text);
	expect(() => termsIn(path, "BSD-2-Clause")).toThrow(`${path}: has no License: BSD-2-Clause`);
});
