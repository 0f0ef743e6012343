/** Makes text from outside safe: for a terminal, for one line, for one field of a line. */

/**
 * Controls, separators of lines and paragraphs, lone surrogates, and characters that are invisible
 * or turn the direction of what follows. The joiner of emoji sequences is left alone.
 */
const UNSAFE = /[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]--[\u{200d}]]/gv;
const PLAIN = /^[ -~]*$/;
const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line without anything that a terminal acts upon: `\n`, `\x1b`, `\u202e` become visible. */
export function safeText(text: string): string {
	return PLAIN.test(text) ? text : text.replace(UNSAFE, visible);
}

/** Safe text that is exactly one field for awk: never empty, without spaces; `-` is null. */
export function fieldText(text: string | null): string {
	if (text === null || text === "") return "-";
	if (text === "-") return "\\x2d";
	return safeText(text).replace(/\p{Zs}/gu, visible);
}

/** The output of JSON.stringify, with what a terminal might act upon as \uXXXX: the same value. */
export function safeJson(json: string): string {
	return PLAIN.test(json) ? json : json.replace(UNSAFE, escapeUnits);
}

function visible(character: string): string {
	const code = character.codePointAt(0) ?? 0;
	const hex = code.toString(16);
	if (code > 0xffff) return `\\u{${hex}}`;
	if (code > 0xff) return `\\u${hex.padStart(4, "0")}`;
	return NAMED[character] ?? `\\x${hex.padStart(2, "0")}`;
}

function escapeUnits(character: string): string {
	let escaped = "";
	for (let i = 0; i < character.length; i++) {
		escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
	}
	return escaped;
}
