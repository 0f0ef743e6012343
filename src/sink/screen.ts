/** Lines on a terminal, drawn over those of the time before. */

import type { Output } from "./sink.ts";
import { wrappedHeight } from "./width.ts";

export const BOLD = "\x1b[1m";
export const DIM = "\x1b[2m";
export const RED = "\x1b[31m";
const RESET = "\x1b[0m";
const CLEAR_LINE = "\x1b[2K";
const HOME = "\x1b[H";

/** Where a terminal does not know its size, it says 0. */
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

export interface Line {
	readonly text: string;
	readonly style: string | null;
	/** The part of `text` that `style` is for; null: all of it. */
	readonly styled: readonly [from: number, to: number] | null;
}

export interface Size {
	readonly columns: number;
	readonly rows: number;
}

export interface ScreenOptions {
	/** Nothing is cut: lines that are too long wrap. */
	readonly wide: boolean;
	readonly color: boolean;
}

export class Screen {
	readonly #options: ScreenOptions;
	readonly #output: Output;
	#drawnHeight = 0;
	#drawnSize: Size | null = null;

	constructor(options: ScreenOptions, output: Output) {
		this.#options = options;
		this.#output = output;
	}

	/** The last row is for the cursor. */
	size(): Size {
		const rows = this.#output.rows() || USUAL_ROWS;
		return { columns: this.#output.columns() || USUAL_COLUMNS, rows: Math.max(1, rows - 1) };
	}

	/** One write. `lines` fit into `size`. */
	draw(lines: readonly Line[], size: Size): void {
		this.#output.write(this.#backToTop(size) + lines.map((line) => this.#text(line)).join(""));
		this.#drawnHeight = heightOf(lines, size.columns, this.#options.wide);
		this.#drawnSize = size;
	}

	/**
	 * Clears line by line, as tmux moves a screen that is cleared at once into its history. A
	 * terminal that changed its size may have moved every line: only the screen is sure then.
	 */
	#backToTop(size: Size): string {
		const before = this.#drawnSize;
		if (before === null) return "";
		const isResized = before.columns !== size.columns || before.rows !== size.rows;
		const height = isResized ? size.rows : this.#drawnHeight;
		const top = isResized ? HOME : `\x1b[${height}F`;
		return `${top}${`${CLEAR_LINE}\n`.repeat(height)}${CLEAR_LINE}${isResized ? HOME : top}`;
	}

	#text({ text, style, styled }: Line): string {
		if (style === null || !this.#options.color) return `${text}\n`;
		const [from, to] = styled ?? [0, text.length];
		return `${text.slice(0, from)}${style}${text.slice(from, to)}${RESET}${text.slice(to)}\n`;
	}
}

export function wholeLine(text: string, style: string | null): Line {
	return { text, style, styled: null };
}

/** Only --wide makes lines that wrap, and so more height than there are lines. */
export function heightOf(lines: readonly Line[], columns: number, wide: boolean): number {
	if (!wide) return lines.length;
	return lines.reduce((sum, { text }) => sum + wrappedHeight(text, columns), 0);
}
