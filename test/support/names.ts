/** A program that resolves names and connects to what they stand for, a server of DNS, and listeners. */

import { resolve } from "node:path";
import type { FileSink, Subprocess } from "bun";
import { DnsAsker, DnsServer } from "./dns.ts";
import { Lines } from "./lines.ts";
import { NamespacePair, type NetworkNamespace } from "./namespaces.ts";
import { Puppet } from "./puppet.ts";

export const PORT = 7300;

/** What the program is told: to resolve, to connect, or to connect to what it has resolved. */
export interface Call {
	readonly resolve: {
		readonly name: string;
		readonly type: "A" | "AAAA";
		readonly server: string;
	} | null;
	/** In place of what is resolved. */
	readonly address: string | null;
	/** Null: it does not connect. */
	readonly port: number | null;
	/** It does not end the connection. */
	readonly holds?: boolean;
}

/** What it says then. */
export interface Called {
	readonly address: string;
	/** Its own; 0 where it did not connect. */
	readonly port: number;
	readonly error: string | null;
}

/** Killed when disposed. */
class NameClient implements AsyncDisposable {
	readonly #child: Subprocess<"pipe", "pipe", "inherit">;
	readonly #input: FileSink;
	readonly #lines: Lines;
	#calls = 0;

	constructor({ prefix }: NetworkNamespace) {
		const script = resolve(import.meta.dir, "name-client.ts");
		this.#child = Bun.spawn([...prefix, process.execPath, script], {
			...{ stdin: "pipe", stdout: "pipe", stderr: "inherit" },
		});
		this.#input = this.#child.stdin;
		this.#lines = new Lines("the client", this.#child.stdout);
	}

	get pid(): number {
		return this.#child.pid;
	}

	async attempt(call: Call): Promise<Called> {
		this.#input.write(`${JSON.stringify(call)}\n`);
		await this.#input.flush();
		const place = this.#calls++;
		return JSON.parse(await this.#lines.wait("an answer", () => this.#lines.all[place]));
	}

	/** Its port. */
	async connect(address: string): Promise<number> {
		const { port, error } = await this.attempt({ resolve: null, address, port: PORT });
		if (error !== null) throw new Error(`connect ${address}: ${error}`);
		return port;
	}

	async resolve(name: string, type: "A" | "AAAA", server: string, port: number | null = null) {
		const called = await this.attempt({ resolve: { name, type, server }, address: null, port });
		if (called.error !== null) throw new Error(`resolve ${name}: ${called.error}`);
		return called;
	}

	/** Connects to what it has resolved, and stays connected. */
	async hold(name: string, type: "A" | "AAAA", server: string): Promise<Called> {
		const resolve = { name, type, server };
		return await this.attempt({ resolve, address: null, port: PORT, holds: true });
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

/** Two namespaces: in the left one a client, in the right one a server of DNS and listeners. */
export class NameScene implements AsyncDisposable {
	readonly pair = new NamespacePair();
	readonly #open = new AsyncDisposableStack();
	readonly client = this.#open.use(new NameClient(this.pair.left));
	readonly asker = this.#open.use(new DnsAsker(this.pair.left));

	/** Further addresses of the right one, and its resolver with options of dnsmasq. */
	async serve(addresses: readonly string[], zone: readonly string[]): Promise<DnsServer> {
		const { right } = this.pair;
		for (const address of addresses) this.pair.addAddress(right, address);
		const listener = this.#open.use(Puppet.start(right.prefix));
		await listener.listen(PORT, "tcp6", "::");
		return this.#open.use(await DnsServer.start(right, [right.ipv4, right.ipv6], zone));
	}

	/** Of the left one. */
	get netns(): number {
		return this.pair.numbers()[0] ?? 0;
	}

	use<T extends AsyncDisposable>(resource: T): T {
		return this.#open.use(resource);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#open.disposeAsync();
		this.pair[Symbol.dispose]();
	}
}
