/** A reader of CSV as RFC 4180 has it, with any line ends. */

/** @throws on a quote where none may be */
export function parseCsv(text: string): string[][] {
	const rows: string[][] = [];
	const field = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/y;
	let row: string[] = [];
	while (field.lastIndex < text.length) {
		const start = field.lastIndex;
		const [, raw, end] = field.exec(text) ?? [];
		if (raw === undefined) throw new Error(`CSV: misplaced quote at ${start}`);
		row.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
		if (end === ",") continue;
		rows.push(row);
		row = [];
	}
	return rows;
}
