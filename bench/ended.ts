/** A subject that is gone before it is measured: its kernel may lack something. A result, too. */
export class EndedAtOnce extends Error {
	/** @param errors what it has written to standard error */
	constructor(errors: string) {
		const lines = errors.split("\n").filter((line) => /\w/.test(line));
		// bpftrace shows the source under its error, and underlines it.
		const line = lines.findLast((each) => /error|fail/i.test(each)) ?? lines.at(-1);
		super(`ended at once: ${line ?? "without a word"}`);
	}
}
