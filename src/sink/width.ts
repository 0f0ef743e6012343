/** Text in terminal columns: measured, cut and padded. Text is safe (text.ts) before it comes here. */

const ELLIPSIS = "…";
const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

/** Where a text that is too long loses characters. */
export type Cut = "end" | "middle";

export function displayWidth(text: string): number {
	return Bun.stringWidth(text);
}

/** At most `width` columns, with an ellipsis for what is gone. */
export function cutText(text: string, width: number, where: Cut): string {
	if (displayWidth(text) <= width) return text;
	if (width < 1) return "";
	const parts = Array.from(graphemes.segment(text), ({ segment }) => segment);
	const tailWidth = where === "end" ? 0 : Math.floor((width - 1) / 2);
	const head = take(parts, width - 1 - tailWidth).join("");
	const tail = take(parts.reverse(), tailWidth).reverse().join("");
	return `${head}${ELLIPSIS}${tail}`;
}

export function padText(text: string, width: number, align: "left" | "right"): string {
	const space = " ".repeat(Math.max(0, width - displayWidth(text)));
	return align === "left" ? `${text}${space}` : `${space}${text}`;
}

/** How many lines of a terminal `text` takes when it wraps at `columns`. */
export function wrappedHeight(text: string, columns: number): number {
	let height = 1;
	let used = 0;
	for (const { segment } of graphemes.segment(text)) {
		const width = displayWidth(segment);
		if (used + width > columns) {
			height++;
			used = 0;
		}
		used += width;
	}
	return height;
}

function take(parts: readonly string[], width: number): string[] {
	const taken: string[] = [];
	let left = width;
	for (const part of parts) {
		left -= displayWidth(part);
		if (left < 0) break;
		taken.push(part);
	}
	return taken;
}
