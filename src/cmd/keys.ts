/** From what a terminal sends to single keys. */

const ESC = "\x1b";
/** An arrow or function key: several characters, the first of them ESC. */
const SEQUENCE = new RegExp(`${ESC}(?:\\[[0-?]*[ -/]*[@-~]|O[ -~]|[^[O])?`, "g");

/** One character for each key; keys that send more are left out. */
export function keysOf(typed: string): string[] {
	return [...typed.replace(SEQUENCE, "")];
}
