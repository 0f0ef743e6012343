/** `conntracer serve`, and clients that ask it. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { ClientConnections } from "../../src/trace/client-records.ts";
import { conntracerBinary } from "./conntracer.ts";
import { Lines } from "./lines.ts";

type Environment = Readonly<Record<string, string>>;

export class Service implements AsyncDisposable {
	readonly socket: string;
	readonly #child: Subprocess<"ignore", "pipe", "pipe">;
	readonly #lines: Lines;
	readonly #errors: Lines;

	private constructor(socket: string, args: readonly string[], env: Environment = {}) {
		this.socket = socket;
		const command = [conntracerBinary(), "serve", "--socket", socket, ...args];
		this.#child = Bun.spawn(command, {
			...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
			env: { ...process.env, ...env },
		});
		this.#lines = new Lines("serve", this.#child.stdout);
		this.#errors = new Lines("serve", this.#child.stderr);
	}

	/** Comes back when it serves. */
	static start(socket: string, ...args: readonly string[]): Promise<Service> {
		return Service.startWith({}, socket, ...args);
	}

	static async startWith(
		env: Environment,
		socket: string,
		...args: readonly string[]
	): Promise<Service> {
		const service = new Service(socket, args, env);
		try {
			await service.line("serving");
			return service;
		} catch (error) {
			await service[Symbol.asyncDispose]();
			throw error;
		}
	}

	get pid(): number {
		return this.#child.pid;
	}

	/** Of standard error, as soon as there is one with this in it. */
	line(part: string): Promise<string> {
		return this.#errors.wait(part, () => this.#errors.all.find((line) => line.includes(part)));
	}

	/** Those of standard error that match, as soon as there are so many. */
	lines(wanted: RegExp, count: number): Promise<string[]> {
		return this.#errors.wait(`${count} lines of ${wanted}`, () => {
			const found = this.#errors.all.filter((line) => wanted.test(line));
			return found.length < count ? undefined : found;
		});
	}

	/** All of standard error so far. */
	said(): readonly string[] {
		return this.#errors.all;
	}

	kill(signal: NodeJS.Signals): void {
		this.#child.kill(signal);
	}

	ask(path: string, init: RequestInit = {}): Promise<Response> {
		return fetch(`http://localhost${path}`, { ...init, unix: this.socket });
	}

	async connections(client: string): Promise<ClientConnections> {
		const response = await this.ask(`/connections?client_id=${client}`);
		if (response.status !== 200) throw new Error(await response.text());
		return (await response.json()) as ClientConnections;
	}

	async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<{ exitCode: number; stdout: string }> {
		this.#child.kill(signal);
		const exitCode = await this.#child.exited;
		await Promise.all([this.#lines.end, this.#errors.end]);
		return { exitCode, stdout: this.#lines.all.join("\n") };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

/** A directory of a test's own, until disposed. */
export class Scratch implements Disposable {
	readonly path = mkdtempSync(join(tmpdir(), "conntracer-serve-"));

	in(name: string): string {
		return join(this.path, name);
	}

	[Symbol.dispose](): void {
		rmSync(this.path, { recursive: true });
	}
}
