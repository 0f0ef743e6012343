import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { kernelTest } from "./support/root.ts";
import { ownPrograms, runTraffic } from "./support/traffic.ts";

/** The library as another project has it: packed, installed elsewhere, our sources out of sight. */

const ROOT = resolve(import.meta.dir, "..");
const { client: CLIENT, names: NAMES } = ownPrograms("pkg");

const SCRIPT = `
import {
	compileFilter, ConntracerError, type ConnectionRecord, EventTracer, type FlowBatch, FlowTracer,
	listConnections, UsageError,
} from "conntracer";

const name: string = process.argv[2] ?? "";
await using tracer = FlowTracer.open({ filter: compileFilter({ processes: [name] }) });
using events = EventTracer.open({ events: ["close"] });
const open: ConnectionRecord[] = [...listConnections({ transport: "tcp" })];
const sent: number | null | undefined = open[0]?.bytes_sent;
process.stdout.write("ready\\n");
for await (const _ of console as unknown as AsyncIterable<string>) break;
const { flows, gaps }: FlowBatch = tracer.dumpFlows();
let closed = 0;
for await (const batch of events.batches(AbortSignal.abort()))
	for (const event of batch.events) if (event.process === name) closed++;
const opened = flows.reduce((sum, flow) => sum + flow.connections_opened, 0);
process.stdout.write(JSON.stringify({ opened, closed, gaps, version: tracer.ready.version, sent }));
const error: unknown = new UsageError("a", null);
if (error instanceof ConntracerError) error.hint satisfies string | null;

`;
/** For tsc only. */
const MISTAKES = `
// @ts-expect-error no such option
FlowTracer.open({ agregate: "service" });
// @ts-expect-error not a number
flows[0]?.bytes_sent.length;
// @ts-expect-error it is private
new FlowTracer();
// @ts-expect-error UDP has no count of bytes
const bytes: number = open[0]?.bytes_sent;
`;
/** What the script asks of its surroundings, in place of anybody's types of Bun. */
const GLOBALS = `
declare const process: { argv: string[]; stdout: { write(text: string): void } };
`;

let home = "";
const installed = (...path: string[]): string => join(home, "node_modules", "conntracer", ...path);

function run(command: readonly string[], cwd: string): string {
	const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd });
	if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stdout}${stderr}`);
	return stdout.toString();
}

/** What a package depends on, and what that does. */
function neededBy(folder: string): string[] {
	const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
	return Object.keys(dependencies).flatMap((name) => [
		name,
		...neededBy(join(ROOT, "node_modules", name)),
	]);
}

beforeAll(() => {
	home = mkdtempSync(join(tmpdir(), "conntracer-package-"));
	run([process.execPath, "pack.ts", home], ROOT);
	mkdirSync(installed(), { recursive: true });
	const [tarball = ""] = readdirSync(home).filter((name) => name.endsWith(".tgz"));
	run(["tar", "-xzf", tarball, "-C", installed(), "--strip-components=1"], home);
	// As a package manager would from the network.
	for (const name of neededBy(installed()))
		cpSync(join(ROOT, "node_modules", name), join(home, "node_modules", name), { recursive: true });
	writeFileSync(join(home, "package.json"), '{ "type": "module" }');
	writeFileSync(join(home, "script.ts"), SCRIPT);
	writeFileSync(join(home, "types.ts"), SCRIPT + MISTAKES);
	writeFileSync(join(home, "globals.d.ts"), GLOBALS);
}, 60_000);

afterAll(() => rmSync(home, { recursive: true }));

const filesOf = (folder: string): string[] =>
	readdirSync(folder, { recursive: true, encoding: "utf8" });

test("holds declarations and JavaScript, and no source of ours", () => {
	const files = filesOf(installed());
	expect(files.filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))).toEqual([]);
	expect(files).toContain("lib/index.d.ts");
	for (const object of ["conntracer", "without-fetch", "list", "conntrack", "probe"])
		expect(files).toContain(`build/${object}.bpf.o`);
	const declared = files.filter((name) => name.endsWith(".d.ts"));
	expect(declared.filter((name) => /lib\/(ffi|maps|sink|cmd)\//.test(name))).toEqual([]);
	const texts = files.filter((name) => /\.(js|json|ts)$/.test(name));
	const naming = texts.filter((name) => readFileSync(installed(name), "utf8").includes(ROOT));
	expect(naming).toEqual([]);
});

for (const [module, moduleResolution] of [
	["preserve", "bundler"],
	["nodenext", "nodenext"],
] as const)
	test(`tsc sees its types, with module ${module}`, () => {
		const options = { module, moduleResolution, strict: true, noEmit: true, types: [] };
		const lib = ["esnext", "dom", "dom.asynciterable"];
		const compilerOptions = { ...options, lib, target: "esnext", skipLibCheck: false };
		const config = { compilerOptions, files: ["types.ts", "globals.d.ts"] };
		writeFileSync(join(home, "tsconfig.json"), JSON.stringify(config));
		const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
		expect(run([process.execPath, "--bun", tsc, "-p", home], home)).toBe("");
	});

test("everything that it exports is described", () => {
	const declarations = filesOf(installed("lib")).filter((name) => name.endsWith(".d.ts"));
	const bare = declarations.flatMap((name) => {
		const lines = readFileSync(installed("lib", name), "utf8").split("\n");
		return lines.filter((line, at) => {
			const isExport = /^export (declare|interface|type \w+ =|abstract)/.test(line);
			const isMember = /^ {4}(static )?\w+\(.*\): /.test(line);
			return (isExport || isMember) && !lines[at - 1]?.endsWith("*/");
		});
	});
	expect(bare).toEqual([]);
});

describe("outside of the repository", () => {
	kernelTest("it runs", async () => {
		const stdio = { cwd: home, stdin: "pipe", stdout: "pipe", stderr: "inherit" } as const;
		const script = Bun.spawn([process.execPath, "script.ts", CLIENT], stdio);
		const reader = script.stdout.getReader();
		const text = async (): Promise<string> =>
			new TextDecoder().decode((await reader.read()).value ?? new Uint8Array());
		expect(await text()).toBe("ready\n");
		await runTraffic(["churn", "--count", "25", ...NAMES]);
		script.stdin.write("\n");
		script.stdin.flush();
		const { version } = JSON.parse(readFileSync(installed("package.json"), "utf8"));
		expect(JSON.parse(await text())).toMatchObject({ opened: 25, closed: 25, gaps: [], version });
		expect(await script.exited).toBe(0);
	});
});
