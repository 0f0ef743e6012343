/** A subject that is gone before it is measured: its kernel may lack something. A result, too. */
export class EndedAtOnce extends Error {
	/** @param errors what it has written to standard error */
	constructor(errors: string) {
		const line = errors.trimEnd().split("\n").at(-1) ?? "";
		super(`ended at once: ${line === "" ? "without a word" : line}`);
	}
}
