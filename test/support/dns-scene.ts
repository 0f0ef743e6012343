/** Somebody who asks, somebody who answers, and `conntracer dns` beside them. */

import type { DnsRecord } from "../../src/flow/dns-records.ts";
import { Conntracer, type Run } from "./conntracer.ts";
import { DnsAsker, DnsServer, dnsOf } from "./dns.ts";
import { NamespacePair } from "./namespaces.ts";

/** Two namespaces; a tracer of the left one, in which somebody asks. */
export class DnsScene implements AsyncDisposable {
	readonly pair = new NamespacePair();
	readonly asker = new DnsAsker(this.pair.left);
	readonly #open = new AsyncDisposableStack();
	#conntracer: Conntracer | null = null;

	get conntracer(): Conntracer {
		if (this.#conntracer === null) throw new Error("not started");
		return this.#conntracer;
	}

	/** A server in the right one, with options of dnsmasq. */
	async serve(zone: readonly string[]): Promise<void> {
		const { right } = this.pair;
		this.#open.use(await DnsServer.start(right, [right.ipv4, right.ipv6], zone));
	}

	async start(...args: readonly string[]): Promise<void> {
		const where = ["--netns", String(this.pair.numbers()[0])];
		this.#conntracer = this.#open.use(await Conntracer.run("dns", ...where, ...args));
	}

	/** Waits for as many records, and ends it. */
	async end(records: number): Promise<Run & { readonly questions: readonly DnsRecord[] }> {
		await this.conntracer.until(`${records} records`, (all) => dnsOf(all).length >= records);
		const run = await this.conntracer.stop();
		return { ...run, questions: dnsOf(run.records) };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.asker[Symbol.asyncDispose]();
		await this.#open.disposeAsync();
		this.pair[Symbol.dispose]();
	}
}
