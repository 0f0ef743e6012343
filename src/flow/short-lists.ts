/** Several values for a key, few at a time: whatever has the same key, finding one costs little. */

const MOST = 16;

export class ShortLists<Value> {
	readonly #lists = new Map<string, readonly Value[]>();

	find(key: string, isIt: (value: Value) => boolean): Value | undefined {
		return this.#lists.get(key)?.find(isIt);
	}

	/** @returns the first of the list, which had to make room; mostly there is none */
	add(key: string, value: Value): Value | undefined {
		const list = this.#lists.get(key) ?? [];
		const first = list.length < MOST ? undefined : list[0];
		this.#lists.set(key, [...(first === undefined ? list : list.slice(1)), value]);
		return first;
	}

	remove(key: string, value: Value): void {
		const left = this.#lists.get(key)?.filter((one) => one !== value) ?? [];
		if (left.length === 0) this.#lists.delete(key);
		else this.#lists.set(key, left);
	}
}
