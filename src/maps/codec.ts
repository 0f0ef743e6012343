/** Struct codecs: lists of (name, type) that read and write the structs of bpf/conntracer.h. */

import { DecodeError } from "../errors.ts";

/** How a field lies in memory, to be held against the BTF of the C struct. */
export type Shape =
	| { readonly kind: "int"; readonly size: number }
	| { readonly kind: "bytes"; readonly size: number }
	| { readonly kind: "array"; readonly size: number; readonly of: Shape }
	| { readonly kind: "struct"; readonly size: number; readonly name: string };

/** One type of field. All integers are little-endian, as on every CPU that Bun runs on. */
export interface FieldType<T> {
	readonly shape: Shape;
	readonly align: number;
	/** A value to decode into. */
	zero(): T;
	/** Returns the value; fills and returns `into` where that is an object. */
	read(view: DataView, offset: number, into: T): T;
	write(view: DataView, offset: number, value: T): void;
}

const int = (
	size: 1 | 2 | 4,
	read: (view: DataView, offset: number) => number,
	write: (view: DataView, offset: number, value: number) => void,
): FieldType<number> => {
	const limit = 2 ** (8 * size);
	return {
		shape: { kind: "int", size },
		align: size,
		zero: () => 0,
		read,
		write(view, offset, value) {
			if (!Number.isInteger(value) || value < 0 || value >= limit)
				throw new DecodeError(`${value} does not fit in u${8 * size}`);
			write(view, offset, value);
		},
	};
};

export const u8 = int(
	1,
	(view, offset) => view.getUint8(offset),
	(view, offset, value) => view.setUint8(offset, value),
);

export const u16 = int(
	2,
	(view, offset) => view.getUint16(offset, true),
	(view, offset, value) => view.setUint16(offset, value, true),
);

export const u32 = int(
	4,
	(view, offset) => view.getUint32(offset, true),
	(view, offset, value) => view.setUint32(offset, value, true),
);

const HIGH = 2 ** 32;

/** A u64 as a number: exact to 2^53, without a BigInt. */
export const readU64 = (view: DataView, offset: number): number =>
	view.getUint32(offset + 4, true) * HIGH + view.getUint32(offset, true);

/** A count. Exact to 2^53; rounded beyond. */
export const u64: FieldType<number> = {
	shape: { kind: "int", size: 8 },
	align: 8,
	zero: () => 0,
	read: readU64,
	write(view, offset, value) {
		if (!Number.isSafeInteger(value) || value < 0)
			throw new DecodeError(`${value} does not fit in 53 bits`);
		view.setUint32(offset, value % HIGH, true);
		view.setUint32(offset + 4, Math.floor(value / HIGH), true);
	},
};

/** An identifier of which every bit counts. Never in a loop over records. */
export const id64: FieldType<bigint> = {
	shape: { kind: "int", size: 8 },
	align: 8,
	zero: () => 0n,
	read: (view, offset) => view.getBigUint64(offset, true),
	write(view, offset, value) {
		if (value < 0n || value >= 1n << 64n) throw new DecodeError(`${value} does not fit in u64`);
		view.setBigUint64(offset, value, true);
	},
};

export const bytes = (size: number): FieldType<Uint8Array> => ({
	shape: { kind: "bytes", size },
	align: 1,
	zero: () => new Uint8Array(size),
	read(view, offset, into) {
		into.set(new Uint8Array(view.buffer, view.byteOffset + offset, size));
		return into;
	},
	write(view, offset, value) {
		if (value.length !== size) throw new DecodeError(`${value.length} bytes where ${size} belong`);
		new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value);
	},
});

/** Exactly `length` values of one type. */
export const array = <T>(type: FieldType<T>, length: number): FieldType<T[]> => {
	const { size } = type.shape;
	return {
		shape: { kind: "array", size: size * length, of: type.shape },
		align: type.align,
		zero: () => Array.from({ length }, () => type.zero()),
		read(view, offset, into) {
			for (const [index, value] of into.entries())
				into[index] = type.read(view, offset + index * size, value);
			return into;
		},
		write(view, offset, values) {
			if (values.length !== length)
				throw new DecodeError(`${values.length} values where ${length} belong`);
			for (const [index, value] of values.entries()) type.write(view, offset + index * size, value);
		},
	};
};

type FieldTypes<T> = { readonly [K in keyof T]: FieldType<T[K]> };

export interface StructCodec<T extends object> extends FieldType<T> {
	readonly name: string;
	readonly size: number;
	/** Where each field begins, in bytes: for hot paths that read single fields in place. */
	readonly offsets: { readonly [K in keyof T]: number };
	readonly fields: readonly { name: string; offset: number; shape: Shape }[];
	/** A new object from exactly `size` bytes. Throws DecodeError. */
	decode(from: Uint8Array): T;
	/** Exactly `size` bytes. Throws DecodeError, naming the field that does not fit. */
	encode(value: T): Uint8Array;
}

interface PlacedField {
	readonly name: string;
	readonly offset: number;
	readonly type: FieldType<unknown>;
}

const place = <T extends object>(
	structName: string,
	fields: FieldTypes<T>,
): { placed: PlacedField[]; size: number } => {
	const placed: PlacedField[] = [];
	let size = 0;
	for (const [name, type] of Object.entries(fields) as [string, FieldType<unknown>][]) {
		if (size % type.align !== 0)
			throw new DecodeError(`${structName}/${name}: implicit padding before it`);
		placed.push({ name, offset: size, type });
		size += type.shape.size;
	}
	return { placed, size };
};

/** The codec of a C struct. Fields stand in the order of the C declaration, padding included. */
export const struct = <T extends object>(name: string, fields: FieldTypes<T>): StructCodec<T> => {
	const { placed, size } = place(name, fields);
	const align = Math.max(...placed.map((field) => field.type.align));
	if (size % align !== 0) throw new DecodeError(`${name}: implicit padding at its end`);

	const codec: StructCodec<T> = {
		name,
		size,
		align,
		shape: { kind: "struct", size, name },
		offsets: Object.fromEntries(placed.map((field) => [field.name, field.offset])) as {
			[K in keyof T]: number;
		},
		fields: placed.map(({ name, offset, type }) => ({ name, offset, shape: type.shape })),
		zero: () => Object.fromEntries(placed.map((field) => [field.name, field.type.zero()])) as T,
		read(view, offset, into) {
			const target = into as Record<string, unknown>;
			for (const field of placed)
				target[field.name] = field.type.read(view, offset + field.offset, target[field.name]);
			return into;
		},
		write(view, offset, value) {
			const source = value as Record<string, unknown>;
			for (const field of placed) {
				try {
					field.type.write(view, offset + field.offset, source[field.name]);
				} catch (error) {
					throw new DecodeError(`${name}/${field.name}: ${(error as Error).message}`);
				}
			}
		},
		decode(from) {
			if (from.length !== size)
				throw new DecodeError(`${name}: ${from.length} bytes where ${size} belong`);
			return codec.read(new DataView(from.buffer, from.byteOffset, size), 0, codec.zero());
		},
		encode(value) {
			const to = new Uint8Array(size);
			codec.write(new DataView(to.buffer), 0, value);
			return to;
		},
	};
	return codec;
};
