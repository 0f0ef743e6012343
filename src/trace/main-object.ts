/** The two compilations of bpf/conntracer.bpf.c, and which of them this kernel takes. */

import { LibbpfError } from "../errors.ts";
import { EINVAL } from "../ffi/errno.ts";
import type { LoadedObject } from "../ffi/object.ts";
import type { HookKind } from "../flow/doctor.ts";
import { conn, fold } from "../maps/structs.ts";
import { bpfObject, bpfObjectWithoutFetch } from "./assets.ts";

export interface MainObject {
	readonly bytes: () => Uint8Array;
	readonly connSize: number;
	/** How its programs walk over maps. */
	readonly walks: Extract<HookKind, "syscall" | "iterator">;
	/** To be called when it is loaded, before any of its programs runs. */
	readonly prepare: (loaded: LoadedObject) => void;
}

const U64_SIZE = 8;

export const WITH_FETCH: MainObject = {
	bytes: bpfObject,
	connSize: conn.size,
	walks: "syscall",
	prepare: () => {},
};

/**
 * For kernels before 5.12, which have no atomics that return a value, and for those that do not walk
 * over a map in the way of the other object: see bpf/compat.h and bpf/walk.h.
 */
export const WITHOUT_FETCH: MainObject = {
	bytes: bpfObjectWithoutFetch,
	connSize: conn.size + fold.size,
	walks: "iterator",
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

/**
 * Calls `load` once more where the first object is refused for its atomics or its walks; that stays
 * known.
 *
 * @param load with walks; or without, as they were refused
 * @param needsWalks else, where both are refused for their walks, one is loaded without
 * @throws what `load` throws; of walks an error that names both refusals
 */
export function loadMainObject<T>(
	load: (object: MainObject, refusedWalks: LibbpfError | null) => T,
	needsWalks: boolean,
): T {
	const refusals: LibbpfError[] = [];
	const takeable = new Set(taken === WITH_FETCH ? [WITH_FETCH, WITHOUT_FETCH] : [taken]);
	for (const object of takeable) {
		try {
			const loaded = load(object, null);
			taken = object;
			return loaded;
		} catch (error) {
			if (lacksFetch(error) && object === WITH_FETCH) takeable.delete(object);
			else if (isOfWalk(error)) refusals.push(error);
			else throw error;
		}
	}
	const refused = refusalOfWalks(refusals);
	const [object] = takeable;
	if (needsWalks || object === undefined) throw refused;
	return load(object, refused);
}

function isOfWalk(error: unknown): error is LibbpfError {
	return error instanceof LibbpfError && error.program?.name.startsWith("walk__") === true;
}

/** The errno of the last one tells whether it is a matter of rights. */
function refusalOfWalks(refusals: readonly LibbpfError[]): LibbpfError {
	const { errno = 0, errnoName = "", log = "" } = refusals.at(-1) ?? {};
	const hook = refusals.map((one) => one.program?.hook).join(", ");
	const name = refusals.at(-1)?.program?.name ?? "";
	return new LibbpfError("walk over maps", errno, errnoName, log, { name, hook });
}

/** In the verifier's words, which no kernel that is too old for them will change any more. */
function lacksFetch(error: unknown): boolean {
	return (
		error instanceof LibbpfError &&
		error.errno === EINVAL &&
		error.log.includes("BPF_STX uses reserved fields")
	);
}
