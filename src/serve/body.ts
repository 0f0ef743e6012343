/** The text of an answer, made as it is read: who does not read is cut off, and costs what is not made yet. */

const PART_LENGTH = 64 * 1024;
const encoder = new TextEncoder();

/** Answers that are on their way at one time. */
export class Bodies {
	readonly #most: number;
	#unread = 0;

	constructor(most: number) {
		this.#most = most;
	}

	get isFull(): boolean {
		return this.#unread >= this.#most;
	}

	/**
	 * What is short goes at once; a server cuts off streams that are not read, and only these.
	 *
	 * @param handedOver is called once all of it was taken for sending
	 */
	of(
		pieces: Iterable<string>,
		handedOver: () => void = () => {},
	): string | ReadableStream<Uint8Array> {
		const parts = partsOf(pieces);
		const first = parts.next().value ?? "";
		let next = parts.next();
		if (next.done) {
			handedOver();
			return first;
		}
		this.#unread++;
		const end = (): void => {
			this.#unread--;
		};
		let isFirst = true;
		return new ReadableStream<Uint8Array>({
			pull(controller) {
				controller.enqueue(encoder.encode(isFirst ? first : (next.value ?? "")));
				if (isFirst) {
					isFirst = false;
					return;
				}
				next = parts.next();
				if (!next.done) return;
				handedOver();
				controller.close();
				end();
			},
			cancel: end,
		});
	}
}

/** Of a length that is worth a write. */
function* partsOf(pieces: Iterable<string>): Generator<string, void, undefined> {
	let part = "";
	for (const piece of pieces) {
		part += piece;
		if (part.length < PART_LENGTH) continue;
		yield part;
		part = "";
	}
	if (part !== "") yield part;
}
