/** The keys of `top` on a terminal, and the line that names them. */

import { THROUGHPUT } from "./row-kind.ts";
import { cutText, displayWidth } from "./width.ts";

interface SortKey {
	readonly key: string;
	readonly word: string;
	readonly sort: string;
}

const SORTS: readonly SortKey[] = [
	{ key: "b", word: "bytes", sort: THROUGHPUT },
	{ key: "s", word: "sent", sort: "sent_bytes_per_second" },
	{ key: "r", word: "received", sort: "received_bytes_per_second" },
	{ key: "c", word: "open", sort: "connections_open" },
	{ key: "x", word: "retrans", sort: "segments_retransmitted" },
	{ key: "l", word: "rtt", sort: "rtt_us" },
];

/** The column that `key` sorts by; null where it does not sort. */
export function sortOfKey(key: string): string | null {
	return SORTS.find((one) => one.key === key)?.sort ?? null;
}

/** At most `columns` wide: what comes last goes first. A star marks the order of now. */
export function keyLine(
	by: "process" | "connection",
	sort: string | null,
	columns: number,
): string {
	const other = by === "process" ? "connections" : "processes";
	const sorts = SORTS.map((one) => {
		const star = one.sort === (sort ?? THROUGHPUT) ? "*" : "";
		return `${one.key} ${one.word}${star}`;
	});
	while (sorts.length > 0) {
		const line = `q quit  p ${other}  sort: ${sorts.join(" ")}`;
		if (displayWidth(line) <= columns) return line;
		sorts.pop();
	}
	return cutText(`q quit  p ${other}`, columns, "end");
}
