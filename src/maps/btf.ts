/** Reads the structs and enums out of a BPF object's BTF (Documentation/bpf/btf.rst). */

import { DecodeError } from "../errors.ts";
import type { Shape } from "./codec.ts";

export interface BtfMember {
	readonly name: string;
	readonly offset: number;
	readonly shape: Shape;
}

export interface Btf {
	readonly structs: ReadonlyMap<string, { size: number; members: readonly BtfMember[] }>;
	readonly enums: ReadonlyMap<string, Readonly<Record<string, number>>>;
	/** The names of the global variables' types: what a layout object declares. */
	readonly declared: ReadonlySet<string>;
}

const KIND = {
	INT: 1,
	PTR: 2,
	ARRAY: 3,
	STRUCT: 4,
	UNION: 5,
	ENUM: 6,
	TYPEDEF: 8,
	VOLATILE: 9,
	CONST: 10,
	RESTRICT: 11,
	FUNC_PROTO: 13,
	VAR: 14,
	DATASEC: 15,
	DECL_TAG: 17,
	TYPE_TAG: 18,
	ENUM64: 19,
} as const;

interface RawType {
	readonly kind: number;
	readonly name: string;
	/** Number of members, values or parameters. */
	readonly count: number;
	/** A size in bytes or the id of another type, by kind. */
	readonly sizeOrType: number;
	/** Where what follows the common part begins. */
	readonly data: number;
}

const EXTRA_BYTES: Readonly<Record<number, (count: number) => number>> = {
	[KIND.INT]: () => 4,
	[KIND.ARRAY]: () => 12,
	[KIND.STRUCT]: (count) => 12 * count,
	[KIND.UNION]: (count) => 12 * count,
	[KIND.ENUM]: (count) => 8 * count,
	[KIND.FUNC_PROTO]: (count) => 8 * count,
	[KIND.VAR]: () => 4,
	[KIND.DATASEC]: (count) => 12 * count,
	[KIND.DECL_TAG]: () => 4,
	[KIND.ENUM64]: (count) => 12 * count,
};

/** The kernel's names have at most 512 bytes (KSYM_NAME_LEN). */
const MOST_NAME_BYTES = 4096;
/** Types that are made of types: more than C has, and less than the stack. */
const MOST_DEPTH = 64;

const textAt = (view: DataView, offset: number): string => {
	let end = offset;
	while (view.getUint8(end) !== 0) end++;
	if (end - offset > MOST_NAME_BYTES) throw new DecodeError(".BTF: a name without an end");
	return new TextDecoder().decode(
		new Uint8Array(view.buffer, view.byteOffset + offset, end - offset),
	);
};

/** The .BTF section of a 64-bit little-endian ELF file. */
const btfSection = (file: Uint8Array): DataView => {
	const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
	if (view.byteLength < 64 || view.getUint32(0, false) !== 0x7f454c46)
		throw new DecodeError("not an ELF file");
	const table = Number(view.getBigUint64(40, true));
	const entrySize = view.getUint16(58, true);
	const count = view.getUint16(60, true);
	const header = (index: number): number => table + index * entrySize;
	const offsetOf = (index: number): number => Number(view.getBigUint64(header(index) + 24, true));
	const names = offsetOf(view.getUint16(62, true));
	for (let index = 0; index < count; index++) {
		if (textAt(view, names + view.getUint32(header(index), true)) !== ".BTF") continue;
		const size = Number(view.getBigUint64(header(index) + 32, true));
		return new DataView(file.buffer, file.byteOffset + offsetOf(index), size);
	}
	throw new DecodeError("no .BTF section in the object");
};

const readTypes = (view: DataView): RawType[] => {
	if (view.getUint16(0, true) !== 0xeb9f) throw new DecodeError(".BTF: wrong magic number");
	const headerSize = view.getUint32(4, true);
	const typesStart = headerSize + view.getUint32(8, true);
	const typesEnd = typesStart + view.getUint32(12, true);
	const strings = headerSize + view.getUint32(16, true);
	const types: RawType[] = [{ kind: 0, name: "void", count: 0, sizeOrType: 0, data: 0 }];
	for (let at = typesStart; at < typesEnd; ) {
		const info = view.getUint32(at + 4, true);
		const kind = (info >>> 24) & 0x1f;
		const count = info & 0xffff;
		types.push({
			kind,
			name: textAt(view, strings + view.getUint32(at, true)),
			count,
			sizeOrType: view.getUint32(at + 8, true),
			data: at + 12,
		});
		at += 12 + (EXTRA_BYTES[kind]?.(count) ?? 0);
	}
	return types;
};

const typeAt = (types: readonly RawType[], id: number, depth = 0): RawType => {
	const type = types[id];
	if (depth > MOST_DEPTH) throw new DecodeError(`.BTF: type ${id} is made of itself`);
	if (type === undefined) throw new DecodeError(`.BTF: no type ${id}`);
	const isAlias =
		type.kind === KIND.TYPEDEF ||
		type.kind === KIND.CONST ||
		type.kind === KIND.VOLATILE ||
		type.kind === KIND.RESTRICT ||
		type.kind === KIND.TYPE_TAG;
	return isAlias ? typeAt(types, type.sizeOrType, depth + 1) : type;
};

const shapeOf = (view: DataView, types: readonly RawType[], id: number, depth = 0): Shape => {
	const type = typeAt(types, id, depth);
	if (type.kind === KIND.INT) return { kind: "int", size: type.sizeOrType };
	if (type.kind === KIND.STRUCT) return { kind: "struct", size: type.sizeOrType, name: type.name };
	if (type.kind === KIND.ARRAY) {
		const of = shapeOf(view, types, view.getUint32(type.data, true), depth + 1);
		const count = view.getUint32(type.data + 8, true);
		if (of.kind === "int" && of.size === 1) return { kind: "bytes", size: count };
		if (of.kind === "int") return { kind: "array", size: count * of.size, of };
	}
	throw new DecodeError(`.BTF: kind ${type.kind} does not belong in a shared struct`);
};

const strings = (view: DataView): number => view.getUint32(4, true) + view.getUint32(16, true);

const membersOf = (view: DataView, types: readonly RawType[], type: RawType): BtfMember[] =>
	Array.from({ length: type.count }, (_, index) => {
		const at = type.data + 12 * index;
		return {
			name: textAt(view, strings(view) + view.getUint32(at, true)),
			offset: view.getUint32(at + 8, true) / 8,
			shape: shapeOf(view, types, view.getUint32(at + 4, true)),
		};
	});

const valuesOf = (view: DataView, type: RawType): Record<string, number> =>
	Object.fromEntries(
		Array.from({ length: type.count }, (_, index) => {
			const at = type.data + 8 * index;
			return [textAt(view, strings(view) + view.getUint32(at, true)), view.getInt32(at + 4, true)];
		}),
	);

/** The types of all global variables of an object, and nothing else. Throws DecodeError. */
export const readBtf = (object: Uint8Array): Btf => {
	try {
		return declaredTypes(object);
	} catch (error) {
		// A DataView refuses what lies outside of it.
		throw error instanceof RangeError
			? new DecodeError(`the object is cut off, or points outside of itself: ${error.message}`)
			: error;
	}
};

const declaredTypes = (object: Uint8Array): Btf => {
	const view = btfSection(object);
	const types = readTypes(view);
	const structs = new Map<string, { size: number; members: BtfMember[] }>();
	const enums = new Map<string, Record<string, number>>();
	for (const variable of types.filter((type) => type.kind === KIND.VAR)) {
		const type = typeAt(types, variable.sizeOrType);
		if (type.kind === KIND.STRUCT && !structs.has(type.name))
			structs.set(type.name, {
				size: type.sizeOrType,
				members: membersOf(view, types, type),
			});
		if (type.kind === KIND.ENUM) enums.set(type.name, valuesOf(view, type));
	}
	return { structs, enums, declared: new Set([...structs.keys(), ...enums.keys()]) };
};
