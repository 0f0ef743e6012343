/** Names of processes, as the kernel keeps them. */

const utf8 = new TextDecoder();

/** `comm`: 16 bytes, up to the first zero; null if there is no name. */
export function commText(comm: Uint8Array): string | null {
	const end = comm.indexOf(0);
	return end === 0 ? null : utf8.decode(end < 0 ? comm : comm.subarray(0, end));
}
