/** Numbers for people, in four characters or so. Units are decimal: 1k is 1000, as on a wire. */

const UNITS = ["", "k", "M", "G", "T", "P", "E"];

/** Bytes, or bytes per second: 0, <1, 999, 1.2k, 34k, 567M. */
export function humanAmount(amount: number): string {
	if (amount === 0) return "0";
	if (amount < 1) return "<1";
	let value = amount;
	let unit = 0;
	// 999.5 and 9.95 are where rounding would need one more digit.
	while (value >= 999.5 && unit < UNITS.length - 1) {
		value /= 1000;
		unit++;
	}
	const digits = unit > 0 && value < 9.95 ? 1 : 0;
	return `${value.toFixed(digits)}${UNITS[unit]}`;
}

/** Exact up to five digits. */
export function humanCount(count: number): string {
	return count < 100_000 ? String(count) : humanAmount(count);
}

/** A time given in microseconds: 850µs, 1.2ms, 34ms, 5.6s. */
export function humanMicroseconds(us: number): string {
	if (us < 999.5) return `${Math.round(us)}µs`;
	const ms = us / 1000;
	if (ms < 9.95) return `${ms.toFixed(1)}ms`;
	return ms < 999.5 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`;
}
