import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Subprocess } from "bun";
import { Lines } from "./support/lines.ts";
import { kernelTest } from "./support/root.ts";
import { Sockets } from "./support/sockets.ts";
import { ownPrograms, runTraffic, Traffic } from "./support/traffic.ts";

const ROOT = resolve(import.meta.dir, "..");
const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("exa");
/** Nobody else connects here. */
const ADDRESS = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255}`;
const CHURN = ["churn", "--listen", ADDRESS, "--connect", ADDRESS, ...NAMES];

/** `bun run examples/NAME.ts`, as the example itself says. */
class Example implements AsyncDisposable {
	readonly #child: Subprocess<"pipe", "pipe", "pipe">;
	readonly #output: Lines;
	readonly #errors: Lines;

	constructor(name: string, ...args: readonly string[]) {
		const command = [process.execPath, "run", `examples/${name}.ts`, ...args];
		const stdio = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
		this.#child = Bun.spawn(command, { cwd: ROOT, ...stdio });
		this.#output = new Lines(name, this.#child.stdout);
		this.#errors = new Lines(name, this.#child.stderr);
	}

	/** From then on it misses nothing. */
	async tracing(): Promise<this> {
		await this.#errors.wait("tracing", () => this.#errors.all.find((l) => l.startsWith("tracing")));
		return this;
	}

	async until(what: string, satisfied: (lines: readonly string[]) => boolean): Promise<void> {
		await this.#output.wait(what, () => (satisfied(this.#output.all) ? true : undefined));
	}

	line(): void {
		this.#child.stdin.write("\n");
		this.#child.stdin.flush();
	}

	/** What it has said when it has ended, of itself or by Ctrl-C. */
	async end(signal?: "SIGINT"): Promise<readonly string[]> {
		if (signal !== undefined) this.#child.kill(signal);
		const exitCode = await this.#child.exited;
		await Promise.all([this.#output.end, this.#errors.end]);
		const errors = this.#errors.all.filter((line) => !line.startsWith("tracing"));
		expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: [] });
		return this.#output.all;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

const sum = (lines: readonly string[], pattern: RegExp): number =>
	lines.reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? 0), 0);

describe("examples/", () => {
	kernelTest("flows-by-service", async () => {
		await using example = await new Example("flows-by-service").tracing();
		await runTraffic([...CHURN, "--count", "30", "--request", "10", "--response", "1000"]);
		const lines = (await example.end("SIGINT")).filter((line) => line.includes(ADDRESS));
		const client = lines.filter((line) => line.includes(`-> ${ADDRESS} port`));
		const server = lines.filter((line) => line.startsWith(`${ADDRESS} <-`));
		expect(sum(client, / (\d+) opened/)).toBe(30);
		expect(sum(client, / (\d+) bytes sent/)).toBe(300);
		expect(sum(server, / (\d+) opened/)).toBe(30);
		expect(sum(server, / (\d+) bytes sent/)).toBe(30_000);
	});

	kernelTest("events-of-process", async () => {
		await using example = await new Example("events-of-process", CLIENT).tracing();
		const { clients } = await runTraffic([...CHURN, "--count", "3"]);
		const lines = await example.end("SIGINT");
		const said = lines.map((line) => line.split(" ").slice(1, 5).join(" "));
		const of = `pid ${clients[0]?.pid} ${ADDRESS}`;
		expect(said.sort()).toEqual([
			...[`close ${of}`, `close ${of}`, `close ${of}`],
			...[`connect ${of}`, `connect ${of}`, `connect ${of}`],
		]);
		const closes = lines.filter((line) => line.includes(" close "));
		expect(closes.filter((line) => !line.endsWith("100 bytes sent, 200 received"))).toEqual([]);
	});

	kernelTest("open-connections", async () => {
		await using traffic = new Traffic(["hold", ...CHURN.slice(1), "--count", "4", "--wait"]);
		const { ports } = await traffic.ready();
		traffic.go();
		await traffic.held();
		const found = async (...args: readonly string[]): Promise<(string | number)[][]> => {
			await using example = new Example("open-connections", ...args);
			const records = (await example.end()).map((line) => JSON.parse(line));
			const ours = records.filter(({ process }) => process === SERVER);
			return ours.map(({ state, local_port }) => [state, local_port]);
		};
		const connections = Array(4).fill(["ESTABLISHED", ports[0]]);
		expect(await found()).toEqual(connections);
		expect(await found("--listening")).toEqual(
			expect.arrayContaining([...connections, ["LISTEN", ports[0]]]),
		);
	});

	kernelTest("stop-after", async () => {
		await using example = await new Example("stop-after", "20", "80").tracing();
		await runTraffic([...CHURN, "--count", "20"]);
		const [count, seen, lost] = await example.end();
		expect(sum([count ?? ""], /^(\d+) connections/)).toBeGreaterThanOrEqual(20);
		expect(sum([seen ?? ""], /^(\d+) seen/)).toBe(sum([seen ?? ""], / (\d+) counted/));
		expect(lost).toMatch(/^lost: \{("\w+":0,?)+\}$/);
	});

	kernelTest("dump-flows", async () => {
		await using example = await new Example("dump-flows").tracing();
		for (const [turn, count] of [5, 8].entries()) {
			await runTraffic([...CHURN, "--count", `${count}`]);
			example.line();
			await example.until("so many", (lines) => {
				const ours = lines.filter((line) => line.startsWith(`  ${CLIENT} active ${ADDRESS}`));
				return ours[turn]?.endsWith(` ${count}`) ?? false;
			});
		}
	});

	kernelTest("callback", async () => {
		await using example = await new Example("callback", "50").tracing();
		const { clients } = await runTraffic([...CHURN, "--count", "12"]);
		const [header, ...lines] = await example.end("SIGINT");
		expect(header?.split(/ +/).slice(0, 3)).toEqual(["LADDR", "RADDR", "LPORT"]);
		const ours = lines
			.map((line) => line.trim().split(/ +/))
			.filter((cells) => cells[4] === CLIENT);
		expect(new Set(ours.map((cells) => cells[3]))).toEqual(new Set([`${clients[0]?.pid}`]));
		expect(ours.reduce((total, cells) => total + Number(cells[5]), 0)).toBe(12);
	});

	kernelTest("who-talks-to-whom", async () => {
		await using traffic = new Traffic(["hold", ...CHURN.slice(1), "--count", "6", "--wait"]);
		const { ports } = await traffic.ready();
		traffic.go();
		await traffic.held();
		await using hostile = await Sockets.open('a"b\\', ["mptcp", ADDRESS, "1"]);
		await using example = new Example("who-talks-to-whom");
		const lines = await example.end();
		expect([lines[0], lines.at(-1)]).toEqual(["digraph connections {", "}"]);
		expect(lines).toContain(`\t"${CLIENT}" -> "${SERVER}" [label="${ports[0]}", weight=6];`);
		const name = '"a\\"b\\\\"';
		const { port } = hostile.find("listener");
		expect(lines).toContain(`\t${name} -> ${name} [label="${port}", weight=1];`);
	});

	kernelTest("failures", async () => {
		await using example = await new Example("failures", `${ADDRESS}/32`, "!::/0").tracing();
		await runTraffic(["refused", "--connect", ADDRESS, "--count", "9", ...NAMES]);
		const lines = await example.end("SIGINT");
		expect(lines.length).toBe(1);
		expect(lines[0]).toMatch(
			new RegExp(`^9 times ${CLIENT} to ${ADDRESS} port \\d+: ECONNREFUSED$`),
		);
	});

	test("has no script that is not run here", async () => {
		const tested = await Bun.file(import.meta.path).text();
		for (const file of readdirSync(`${ROOT}/examples`))
			expect(tested).toContain(`kernelTest("${file.replace(".ts", "")}"`);
	});
});
