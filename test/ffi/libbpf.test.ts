import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LayoutError, LibbpfError, LibbpfMissingError } from "../../src/errors.ts";
import { Libbpf } from "../../src/ffi/library.ts";
import { OpenObject } from "../../src/ffi/object.ts";
import { conn, settings } from "../../src/maps/structs.ts";
import { bpfObject, bundledLibraries, listObject } from "../../src/trace/assets.ts";
import { EVERYTHING } from "../../src/trace/plan.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { kernelTest } from "../support/root.ts";

const library = (): Libbpf => Libbpf.open(null, bundledLibraries);
const open = (bytes = bpfObject()): OpenObject =>
	OpenObject.open(library(), bytes, { name: "conntracer", btfPath: null });
/** Maps alone, which each kernel can load. */
const openMaps = (): OpenObject => {
	const object = open();
	for (const program of EVERYTHING) object.leaveOut(program);
	return object;
};

const thrownBy = (act: () => unknown): unknown => {
	try {
		act();
	} catch (error) {
		return error;
	}
	return null;
};

const SETTINGS = {
	udp_timeout_ns: 1,
	udp_stream_timeout_ns: 2,
	flow_key_parts: 5,
	event_types: 6,
	accept_hooked: 0,
	never: 7,
};

describe("a BPF object", () => {
	test("that is no object is refused with libbpf's own words", async () => {
		const error = thrownBy(() => open(new TextEncoder().encode("garbage")));
		expect(error).toBeInstanceOf(LibbpfError);
		expect((error as LibbpfError).operation).toBe("open the BPF object");
		expect((error as LibbpfError).errno).toBeGreaterThan(0);
		expect((error as LibbpfError).log).toContain("conntracer");
	});

	test("refuses sizes and names before C sees them", async () => {
		using object = open();
		expect(() => object.resizeMap("conns", 2 ** 32)).toThrow(RangeError);
		expect(() => object.resizeMap("conns", -1)).toThrow(RangeError);
		expect(() => object.resizeMap("conns", 1.5)).toThrow(RangeError);
		expect(() => object.resizeMap("no_such_map", 1)).toThrow("map no_such_map: ENOENT");
		expect(() => object.setConstants(".rodata.settings", new Uint8Array(3))).toThrow(LibbpfError);
	});

	kernelTest("that the kernel refuses leaves nothing open", async () => {
		const before = openDescriptors();
		const error = thrownBy(() => {
			using object = open();
			object.resizeMap("conns", 2 ** 31);
			object.load(() => null);
		});
		expect(error).toBeInstanceOf(LibbpfError);
		expect((error as LibbpfError).operation).toBe("load the BPF object");
		expect((error as LibbpfError).log).toContain("conns");
		expect(openDescriptors()).toBe(before);
	});

	kernelTest("is closed when what was to become of it fails", async () => {
		const before = openDescriptors();
		const act = (): unknown => {
			using object = openMaps();
			return object.load((loaded) => loaded.map("conns", 8, conn.size + 8));
		};
		expect(act).toThrow(LayoutError);
		expect(openDescriptors()).toBe(before);
	});

	kernelTest("is loaded without the programs that are left out", async () => {
		const bytes = listObject();
		using object = OpenObject.open(library(), bytes, {
			name: "list",
			btfPath: null,
			targetsPath: null,
		});
		expect(() => object.leaveOut("no_such_program")).toThrow("program no_such_program: ENOENT");
		object.leaveOut("iter__list_udp");
		object.load((loaded) => {
			using _ = loaded;
			expect(() => loaded.program("iter__list_udp")).toThrow("ENOENT");
			expect(loaded.program("iter__list_tcp").name).toBe("iter__list_tcp");
		});
	});

	kernelTest("looks up what is there, and says what is not", async () => {
		using object = openMaps();
		object.setConstants(".rodata.settings", settings.encode(SETTINGS));
		object.load((loaded) => {
			using _ = loaded;
			const constants = loaded.map(".rodata.settings", 4, settings.size);
			const value = new Uint8Array(settings.size);
			expect(constants.lookup(new Uint8Array(4), value)).toBe(true);
			expect(settings.decode(value)).toEqual(SETTINGS);
			const conns = loaded.map("conns", 8, conn.size);
			expect(conns.lookup(new Uint8Array(8), new Uint8Array(conn.size))).toBe(false);
			expect([...conns.keys()]).toEqual([]);
			expect(() => conns.lookup(new Uint8Array(7), new Uint8Array(conn.size))).toThrow(RangeError);
			expect(() => conns.lookup(new Uint8Array(8), new Uint8Array(1))).toThrow(RangeError);
		});
	});
});

describe("libbpf", () => {
	test("that is not there is named, with the remedy", async () => {
		const error = thrownBy(() => Libbpf.open("/nonexistent/libbpf.so.1", bundledLibraries));
		expect(error).toBeInstanceOf(LibbpfMissingError);
		expect((error as LibbpfMissingError).message).toContain("/nonexistent/libbpf.so.1");
		expect((error as LibbpfMissingError).hint).toContain("libbpf1");
	});

	test("that is too old, or something else, is named", async () => {
		const directory = mkdtempSync(join(tmpdir(), "conntracer-"));
		try {
			const path = join(directory, "libz.so.1");
			const other = bundledLibraries().find(({ name }) => name === "libz.so.1");
			await Bun.write(path, other?.bytes ?? "");
			expect(() => Libbpf.open(path, bundledLibraries)).toThrow(LibbpfMissingError);
		} finally {
			rmSync(directory, { recursive: true });
		}
	});

	test("is read from the binary's own copy byte for byte", async () => {
		for (const { name, bytes } of bundledLibraries())
			expect(readFileSync(`${import.meta.dir}/../../build/lib/${name}`).equals(bytes)).toBe(true);
	});
});
