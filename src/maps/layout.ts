/** Holds the codecs against the BTF of bpf/layout.bpf.c, both ways. */

import { LayoutError } from "../errors.ts";
import { STRUCTS } from "./all-structs.ts";
import { type Btf, readBtf } from "./btf.ts";
import type { Shape, StructCodec } from "./codec.ts";
import { ENUMS } from "./enums.ts";

type AnyCodec = Pick<StructCodec<object>, "name" | "size" | "fields">;

const shapeText = (shape: Shape): string => {
	if (shape.kind === "struct") return `struct ${shape.name}`;
	const text = `${shape.kind} of ${shape.size} bytes`;
	return shape.kind === "array" ? `${text}, each ${shapeText(shape.of)}` : text;
};

const structProblems = (codec: AnyCodec, btf: Btf): string[] => {
	const inC = btf.structs.get(codec.name);
	if (inC === undefined) return [`struct ${codec.name}: not declared in layout.bpf.c`];
	const problems: string[] = [];
	if (inC.size !== codec.size)
		problems.push(`struct ${codec.name}: ${inC.size} bytes in C, ${codec.size} in its codec`);
	const names = new Set([
		...inC.members.map((member) => member.name),
		...codec.fields.map((field) => field.name),
	]);
	for (const name of names) {
		const member = inC.members.find((candidate) => candidate.name === name);
		const field = codec.fields.find((candidate) => candidate.name === name);
		const describe = (found: typeof member): string =>
			found === undefined ? "absent" : `${shapeText(found.shape)} at ${found.offset}`;
		if (describe(member) !== describe(field))
			problems.push(`${codec.name}/${name}: ${describe(member)} in C, ${describe(field)} here`);
	}
	return problems;
};

const enumProblems = (
	name: string,
	values: Readonly<Record<string, number>>,
	btf: Btf,
): string[] => {
	const inC = btf.enums.get(name);
	if (inC === undefined) return [`enum ${name}: not declared in layout.bpf.c`];
	const members = new Set([...Object.keys(inC), ...Object.keys(values)]);
	return [...members]
		.filter((member) => inC[member] !== values[member])
		.map((member) => `enum ${name}/${member}: ${inC[member]} in C, ${values[member]} here`);
};

/** Every difference between codecs and BTF, one line each. */
export const layoutProblems = (
	btf: Btf,
	codecs: readonly AnyCodec[] = STRUCTS,
	enums: Readonly<Record<string, Readonly<Record<string, number>>>> = ENUMS,
): string[] => {
	const known = new Set([...codecs.map((codec) => codec.name), ...Object.keys(enums)]);
	return [
		...codecs.flatMap((codec) => structProblems(codec, btf)),
		...Object.entries(enums).flatMap(([name, values]) => enumProblems(name, values, btf)),
		...[...btf.declared]
			.filter((name) => !known.has(name))
			.map((name) => `${name}: declared in layout.bpf.c, but has no codec`),
	];
};

/** Throws LayoutError, naming each field, if C and TypeScript disagree. */
export const checkLayout = (layoutObject: Uint8Array): void => {
	const problems = layoutProblems(readBtf(layoutObject));
	if (problems.length > 0) throw new LayoutError(problems.join("\n"));
};
