/** The two compilations of bpf/conntracer.bpf.c, and which of them this kernel takes. */

import { LibbpfError } from "../errors.ts";
import { EINVAL } from "../ffi/errno.ts";
import type { LoadedObject } from "../ffi/object.ts";
import { conn, fold } from "../maps/structs.ts";
import { bpfObject, bpfObjectWithoutFetch } from "./assets.ts";

export interface MainObject {
	readonly bytes: () => Uint8Array;
	readonly connSize: number;
	/** To be called when it is loaded, before any of its programs runs. */
	readonly prepare: (loaded: LoadedObject) => void;
}

const U64_SIZE = 8;

export const WITH_FETCH: MainObject = { bytes: bpfObject, connSize: conn.size, prepare: () => {} };

/** For kernels before 5.12, which have no atomics that return a value: see bpf/compat.h. */
export const WITHOUT_FETCH: MainObject = {
	bytes: bpfObjectWithoutFetch,
	connSize: conn.size + fold.size,
	prepare(loaded) {
		const numbers = loaded.map("numbers", 0, U64_SIZE);
		const value = new BigUint64Array(1);
		for (let number = 1; number <= numbers.maxEntries; number++) {
			value[0] = BigInt(number);
			numbers.push(new Uint8Array(value.buffer));
		}
	},
};

let taken = WITH_FETCH;

/** For tests: which object comes first from now on. */
export function takeMainObject(object: MainObject): void {
	taken = object;
}

/** Calls `load` once more where the first object is refused for its atomics; that stays known. */
export function loadMainObject<T>(load: (object: MainObject) => T): T {
	try {
		return load(taken);
	} catch (error) {
		if (taken === WITHOUT_FETCH || !lacksFetch(error)) throw error;
	}
	taken = WITHOUT_FETCH;
	return load(taken);
}

/** In the verifier's words, which no kernel that is too old for them will change any more. */
function lacksFetch(error: unknown): boolean {
	return (
		error instanceof LibbpfError &&
		error.errno === EINVAL &&
		error.log.includes("BPF_STX uses reserved fields")
	);
}
