/** Many ranges of addresses, of which those that have an address are found at once. */

import { type Address, type Cidr, familyOfAddress, prefixOf } from "./address.ts";
import type { Family } from "./records.ts";

/** By the length of a prefix, by the prefix: what was added with it. */
type ByBits<T> = Map<number, Map<string | number, T[]>>;

export class RangeIndex<T> {
	readonly #families: Readonly<Record<Family, ByBits<T>>> = { ipv4: new Map(), ipv6: new Map() };

	get isEmpty(): boolean {
		return this.#families.ipv4.size === 0 && this.#families.ipv6.size === 0;
	}

	add({ family, bits, prefix }: Cidr, item: T): void {
		const byPrefix = this.#families[family].getOrInsertComputed(bits, () => new Map());
		byPrefix.getOrInsertComputed(prefix, () => []).push(item);
	}

	/** Whether it holds for something that was added with a range that has this address. */
	some(address: Address, test: (item: T) => boolean): boolean {
		for (const [bits, byPrefix] of this.#families[familyOfAddress(address)])
			if (byPrefix.get(prefixOf(address, bits))?.some(test) === true) return true;
		return false;
	}
}
