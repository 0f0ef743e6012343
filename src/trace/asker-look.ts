/** Whose questions of DNS are: found while the socket that asks is there, or has just been. */

import { DnsOwners } from "../flow/dns-owners.ts";
import type { DnsTransaction } from "../flow/dns-transaction.ts";
import { compileFilter, type FilterOptions } from "../flow/filter.ts";
import type { HookOptions } from "./conntrack-way.ts";
import { SideTracer } from "./side-tracer.ts";

interface AskerOptions extends HookOptions {
	/** What the sockets have in common that matter: ports, transport, family, namespaces. */
	readonly sockets: Partial<FilterOptions>;
	/** Whose questions are wanted; null: all, also those of which it is not known. */
	readonly whose: Partial<FilterOptions> | null;
}

export class AskerLook implements Disposable {
	readonly #tracer: SideTracer;
	readonly #isFilter: boolean;
	readonly #owners = new DnsOwners();
	/** Seen since the last look. */
	#asked: DnsTransaction[] = [];
	/** Whose process the last look did not find: a question is on the wire before its socket's call has returned, and is counted. */
	#again = new Set<DnsTransaction>();

	private constructor(tracer: SideTracer, isFilter: boolean) {
		this.#tracer = tracer;
		this.#isFilter = isFilter;
	}

	/** @throws PermissionError, UnsupportedError, LibbpfMissingError, LibbpfError where it takes them to filter */
	static open(options: AskerOptions): AskerLook {
		const { sockets, whose } = options;
		const filter = compileFilter({ ...sockets, ...whose });
		const isFilter = whose !== null;
		return new AskerLook(SideTracer.open(options, filter, isFilter), isFilter);
	}

	/** What it is done with. */
	get ready(): SideTracer["ready"] {
		return this.#tracer.ready;
	}

	/** Questions whose process the next look is to find; they were seen before it. */
	ask(transactions: readonly DnsTransaction[]): void {
		for (const transaction of transactions) this.#asked.push(transaction);
	}

	/** Questions that wait for a look. */
	get waiting(): number {
		return this.#asked.length + this.#again.size;
	}

	/** Whether it is time for look(), for so many. */
	isDue(waiting: number): boolean {
		return this.#tracer.isDue(waiting);
	}

	look(): void {
		const [asked, again] = [this.#asked, this.#again];
		this.#asked = [];
		this.#again = new Set();
		this.#tracer.look((flows) => {
			if (flows === null) return;
			this.#owners.take(flows);
			for (const transaction of again) transaction.owner = this.#owners.of(transaction.asked);
			for (const transaction of asked) {
				transaction.owner = this.#owners.of(transaction.asked);
				if (transaction.owner === null) this.#again.add(transaction);
			}
		});
	}

	/** Whether the next look has nothing to add. After a look. */
	isSettled(transaction: DnsTransaction): boolean {
		return !this.#again.has(transaction);
	}

	/** Whether it is somebody's who is wanted. After a look. */
	isWanted({ owner }: DnsTransaction): boolean {
		return !this.#isFilter || owner !== null;
	}

	[Symbol.dispose](): void {
		this.#tracer[Symbol.dispose]();
	}
}
