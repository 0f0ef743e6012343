/** From `struct image`, in place, to what a process executes. */

import { readU64 } from "../maps/codec.ts";
import { image } from "../maps/structs.ts";

/** A process from one exec to the next. */
export interface Image {
	/** Never given twice in a run. */
	readonly id: number;
	readonly pid: number;
	/** When the process started, in nanoseconds of CLOCK_BOOTTIME. */
	readonly startedNs: number;
	/** The path of the program, as /proc/PID/exe has it; null where it is too long. */
	readonly executable: string | null;
}

const at = image.offsets;
const SLASH = "/".charCodeAt(0);
const utf8 = new TextDecoder();

/** An image has no time, where an event has one. */
export function isImage(view: DataView, offset: number): boolean {
	return readU64(view, offset + at.no_time) === 0;
}

export function decodeImage(view: DataView, offset: number): Image {
	const length = view.getUint32(offset + at.length, true);
	const components = new Uint8Array(view.buffer, view.byteOffset + offset + at.path, length);
	const isDeleted = view.getUint8(offset + at.is_deleted) !== 0;
	return {
		id: view.getUint32(offset + at.id, true),
		pid: view.getUint32(offset + at.pid, true),
		startedNs: readU64(view, offset + at.started_ns),
		executable: length === 0 ? null : pathOf(components) + (isDeleted ? " (deleted)" : ""),
	};
}

/** `components`: from the last to the first, each with a zero behind it. */
function pathOf(components: Uint8Array): string {
	const path = new Uint8Array(components.length);
	let end = path.length;
	for (let start = 0; start < components.length; ) {
		const zero = components.indexOf(0, start);
		path.set(components.subarray(start, zero), end - (zero - start));
		end -= zero - start + 1;
		path[end] = SLASH;
		start = zero + 1;
	}
	return utf8.decode(path);
}
