/** The text of an answer, handed over as it is read: who does not read is cut off, not waited for. */

const PART_BYTES = 256 * 1024;
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

	/** What is short goes at once; a server cuts off streams that are not read, and only these. */
	of(text: string): string | ReadableStream<Uint8Array> {
		if (text.length <= PART_BYTES / 4) return text;
		const bytes = encoder.encode(text);
		let at = 0;
		this.#unread++;
		const end = (): void => {
			this.#unread--;
		};
		return new ReadableStream<Uint8Array>({
			pull(controller) {
				controller.enqueue(bytes.subarray(at, at + PART_BYTES));
				at += PART_BYTES;
				if (at < bytes.length) return;
				controller.close();
				end();
			},
			cancel: end,
		});
	}
}
