import { afterAll, beforeAll, expect, test } from "bun:test";
import {
	cpSync,
	existsSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { makeBinary } from "../../packaging/binary.ts";
import { run } from "../../packaging/shell.ts";
import { targetNamed } from "../../packaging/target.ts";

/** Built with a part that no other binary has, and told that it is for another machine. */

const ROOT = resolve(import.meta.dir, "../..");
const IS_PART = /^lib$|\.(o|so)$/;
const MARK = "this is no BPF object, and no other binary holds it";

const OTHER = targetNamed(process.arch === "x64" ? "linux-arm64" : "linux-x64");

let directory = "";
let binary = "";
let packages: string[] = [];

beforeAll(async () => {
	directory = mkdtempSync(join(tmpdir(), "conntracer-binary-"));
	binary = join(directory, "conntracer");
	const parts = join(directory, "parts");
	for (const name of readdirSync(join(ROOT, "build")).filter((each) => IS_PART.test(each)))
		cpSync(join(ROOT, "build", name), join(parts, name), { recursive: true });
	writeFileSync(join(parts, "probe.bpf.o"), MARK);
	const { execPath: runtime } = process;
	packages = await makeBinary({ target: OTHER, parts, runtime, outfile: binary });
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true }));

/** Where a package that another one names is: in its own node_modules, or in one further up. */
function folderOf(name: string, from: string): string {
	const folder = join(from, "node_modules", name);
	return existsSync(folder) || from === ROOT ? folder : folderOf(name, dirname(from));
}

/** What a package depends on, all the way, as folders. */
function dependenciesOf(folder: string, found = new Set<string>()): Set<string> {
	const text = readFileSync(join(folder, "package.json"), "utf8");
	for (const name of Object.keys(JSON.parse(text).dependencies ?? {})) {
		const next = folderOf(name, folder);
		if (found.has(next)) continue;
		found.add(next);
		dependenciesOf(next, found);
	}
	return found;
}

test("it holds what is in the directory of its parts", () => {
	expect(readFileSync(binary).includes(MARK)).toBe(true);
});

test("it does not tell where it was made", () => {
	expect(readFileSync(binary).includes(ROOT)).toBe(false);
});

test("it runs", () => {
	expect(run([binary, "--version"], { cwd: directory })).toBe(`${manifest.version}\n`);
});

test("it knows what it was built for", () => {
	const { stdout } = Bun.spawnSync([binary, "doctor", "--json"], { cwd: directory });
	const name = OTHER.cpu === "arm64" ? "aarch64" : "x86_64";
	expect(JSON.parse(stdout.toString())).toMatchObject({ architecture: name });
});

test("the packages that it says it holds are the dependencies, and theirs", () => {
	expect(packages).toEqual([...dependenciesOf(ROOT)].sort());
});
