/** What is used of dns-packet, which has no types of its own. */

declare module "dns-packet" {
	/** @returns the codec of a type's data, with its length in front; of an unknown one its bytes */
	export function record(type: string): { decode(buffer: Buffer, offset: number): unknown };
	/** For tests. */
	export function encode(message: object): Buffer;
}

declare module "dns-packet/types.js" {
	const types: {
		/** "UNKNOWN_65" where it does not know it. */
		toString(type: number): string;
	};
	export default types;
}

declare module "dns-packet/rcodes.js" {
	const rcodes: {
		/** "RCODE_11" where it does not know it. */
		toString(code: number): string;
	};
	export default rcodes;
}
