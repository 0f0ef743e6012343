/**
 * Makes dist/conntracer-VERSION.tgz, the library for other people's scripts: `bun pack.ts [FOLDER]`,
 * after a build. It holds JavaScript, declarations, the BPF objects and the bundled libraries.
 */

import {
	copyFileSync,
	cpSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join, normalize, resolve } from "node:path";
import manifest from "./package.json" with { type: "json" };

const ROOT = import.meta.dir;
const BUN = process.execPath;
const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const PACKAGE = join(ROOT, "dist", "package");
const LIBRARY = join(PACKAGE, "lib");
const TEXTS = ["README.md", "CHANGELOG.md", "LICENSE"];
/** As far as src/trace/assets.ts names them: at the same place beside the library. */
const BUILT = [
	...[
		"conntracer.bpf.o",
		"without-fetch.bpf.o",
		"list.bpf.o",
		"conntrack.bpf.o",
		"probe.bpf.o",
		"counts.bpf.o",
	],
	"lib",
];

const RELATIVE_IMPORT = /from "(\.{1,2}\/[^"]+)\.ts"/g;
const PACKAGE_IMPORT = /from "([^".:][^":]*)"/g;

const run = (command: readonly string[], cwd: string): void => {
	const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd });
	if (exitCode !== 0) throw new Error(`${command.join(" ")}: failed\n${stdout}${stderr}`);
};

const files = (ending: string): string[] =>
	readdirSync(LIBRARY, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(ending));

const matches = (file: string, pattern: RegExp): string[] =>
	Array.from(readFileSync(join(LIBRARY, file), "utf8").matchAll(pattern), ([, text = ""]) => text);

/** What no user can name is not described. */
const dropInnerDeclarations = (): void => {
	const reached = new Set<string>();
	const visit = (name: string): void => {
		const file = `${name}.d.ts`;
		if (reached.has(file)) return;
		reached.add(file);
		for (const path of matches(file, RELATIVE_IMPORT)) visit(normalize(join(name, "..", path)));
	};
	visit("index");
	for (const file of files(".d.ts")) if (!reached.has(file)) rmSync(join(LIBRARY, file));
};

/** Those of ours that the library needs; the command line needs more. */
const dependencies = (): Record<string, string> => {
	const used = new Set(files(".js").flatMap((file) => matches(file, PACKAGE_IMPORT)));
	return Object.fromEntries(
		Object.entries(manifest.dependencies).filter(([name]) => used.has(name)),
	);
};

const manifestOfPackage = (): string => {
	const { name, version, description, license, type } = manifest;
	const engines = { bun: `>=${manifest.engines.bun}` };
	const entry = { types: "./lib/index.d.ts", default: "./lib/index.js" };
	const where = { os: ["linux"], cpu: [process.arch] };
	return JSON.stringify(
		{
			...{ name, version, description, license, type, engines, ...where },
			...{ exports: { ".": entry }, files: ["lib", "build"], dependencies: dependencies() },
		},
		null,
		"\t",
	);
};

const target = resolve(process.argv[2] ?? join(ROOT, "dist"));
rmSync(PACKAGE, { recursive: true, force: true });
run([BUN, "--bun", TSC, "-p", "tsconfig.package.json"], ROOT);
renameSync(join(PACKAGE, "src"), LIBRARY);
dropInnerDeclarations();
mkdirSync(join(PACKAGE, "build"));
for (const name of BUILT)
	cpSync(join(ROOT, "build", name), join(PACKAGE, "build", name), { recursive: true });
for (const name of TEXTS) copyFileSync(join(ROOT, name), join(PACKAGE, name));
writeFileSync(join(PACKAGE, "package.json"), manifestOfPackage());
run([BUN, "pm", "pack", "--destination", target], PACKAGE);
