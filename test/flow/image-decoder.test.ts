import { describe, expect, test } from "bun:test";
import { decodeImage, isImage } from "../../src/flow/image-decoder.ts";
import { event, image } from "../../src/maps/structs.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function viewOf(components: Uint8Array, is_deleted = 0): DataView {
	const path = new Uint8Array(image.zero().path.length);
	path.set(components);
	const fields = { id: 7, pid: 42, started_ns: 5_000_000_001, length: components.length };
	return new DataView(image.encode({ ...image.zero(), ...fields, is_deleted, path }).buffer);
}

test("an image is told from an event", () => {
	const ofEvent = event.encode({ ...event.zero(), time_ns: 1 });
	expect(isImage(new DataView(ofEvent.buffer), 0)).toBe(false);
	expect(isImage(viewOf(bytes("sh\0")), 0)).toBe(true);
});

test("an image has the process, and when it started", () => {
	const { id, pid, startedNs } = decodeImage(viewOf(bytes("sh\0bin\0")), 0);
	expect({ id, pid, startedNs }).toEqual({ id: 7, pid: 42, startedNs: 5_000_000_001 });
});

describe("its path", () => {
	for (const [what, components, isDeleted, expected] of [
		["is turned round", "curl\0bin\0usr\0", 0, "/usr/bin/curl"],
		["can have one component", "init\0", 0, "/init"],
		["says that the file is gone, as /proc does", "a\0tmp\0", 1, "/tmp/a (deleted)"],
		["keeps what is in a name", "x\n\x1b[2J\0é\0", 0, "/é/x\n\x1b[2J"],
		["is not known where it is too long", "", 0, null],
	] as const)
		test(what, () =>
			expect(decodeImage(viewOf(bytes(components), isDeleted), 0).executable).toBe(expected),
		);
});
