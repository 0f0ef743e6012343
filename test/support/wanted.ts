/** What the kernel side's part of a filter says of connections: bpf/wanted.h, run in the kernel. */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import ipaddr from "ipaddr.js";
import { Libbpf } from "../../src/ffi/library.ts";
import { OpenObject } from "../../src/ffi/object.ts";
import type { KernelFilter } from "../../src/flow/kernel-filter.ts";
import { bytes, struct, u8, u16, u32 } from "../../src/maps/codec.ts";
import { ATTRIBUTION, DIRECTION } from "../../src/maps/enums.ts";
import { filter, owner } from "../../src/maps/structs.ts";
import { bundledLibraries } from "../../src/trace/assets.ts";
import type { CaseSubject } from "../flow/filter-cases.ts";

const SUPPORT = import.meta.dir;
const BUILD = resolve(SUPPORT, "../../build/test");
const HEADERS = resolve(SUPPORT, "../../bpf");

/** struct question of wanted.bpf.c. */
const question = struct("question", {
	owner,
	netns: u32,
	l4_proto: u8,
	direction: u8,
	is_wanted: u8,
	pad: u8,
	local_address: bytes(16),
	remote_address: bytes(16),
	local_port: u16,
	remote_port: u16,
	pad2: u32,
});

const ATTRIBUTIONS = {
	task: ATTRIBUTION.ATTRIBUTION_TASK,
	listener: ATTRIBUTION.ATTRIBUTION_LISTENER,
	scan: ATTRIBUTION.ATTRIBUTION_SCAN,
} as const;
const DIRECTIONS = {
	active: DIRECTION.DIRECTION_ACTIVE,
	passive: DIRECTION.DIRECTION_PASSIVE,
} as const;
const NO_ANSWER = 255;
let object: Uint8Array | null = null;

/** Which of the connections the kernel side lets pass. */
export function askKernel(
	kernel: KernelFilter | null,
	subjects: readonly CaseSubject[],
): boolean[] {
	const library = Libbpf.open(null, bundledLibraries);
	object ??= compiled();
	using open = OpenObject.open(library, object, {
		name: "wanted",
		btfPath: null,
		targetsPath: null,
	});
	open.resizeMap("questions", subjects.length);
	if (kernel !== null) open.setConstants(".rodata.filter", filter.encode(kernel));
	return open.load((loaded) => {
		using _ = loaded;
		const map = loaded.map("questions", 4, question.size);
		const memory = map.mapMemory();
		try {
			for (const [index, subject] of subjects.entries())
				question.write(memory.view, index * question.size, questionOf(subject));
			const program = loaded.program("raw_tp__answer");
			for (const index of subjects.keys()) program.run([index]);
			return subjects.map((_subject, index) => answerAt(memory.view, index * question.size));
		} finally {
			memory.close();
		}
	});
}

function answerAt(view: DataView, offset: number): boolean {
	const answer = view.getUint8(offset + question.offsets.is_wanted);
	if (answer > 1) throw new Error("the kernel side has not answered");
	return answer === 1;
}

function questionOf(subject: CaseSubject): Parameters<typeof question.encode>[0] {
	const { attribution, direction } = subject;
	return {
		owner: {
			cgroup_id: BigInt(subject.cgroup_id ?? 0),
			pid: subject.pid ?? 0,
			tid: subject.pid ?? 0,
			uid: subject.uid ?? 0,
			attribution: attribution === null ? 0 : ATTRIBUTIONS[attribution],
			...{ image: 0, started: 0, cgroup_v1: 0, pad: 0, comm: new Uint8Array(16) },
		},
		netns: subject.netns,
		l4_proto: subject.transport === "tcp" ? 6 : 17,
		direction: direction === null ? 0 : DIRECTIONS[direction],
		is_wanted: NO_ANSWER,
		pad: 0,
		local_address: addressBytes(subject.local_address),
		remote_address: addressBytes(subject.remote_address),
		local_port: subject.local_port ?? 0,
		remote_port: subject.remote_port ?? 0,
		pad2: 0,
	};
}

function addressBytes(text: string | null): Uint8Array {
	if (text === null) return new Uint8Array(16);
	const address = ipaddr.parse(text);
	const wide = address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;
	return Uint8Array.from(wide.toByteArray());
}

/** Compiled anew where it or a header has changed. */
function compiled(): Uint8Array {
	const source = join(SUPPORT, "wanted.bpf.c");
	const headers = readdirSync(HEADERS).filter((name) => name.endsWith(".h"));
	const hash = new Bun.CryptoHasher("sha256");
	for (const path of [source, ...headers.sort().map((name) => join(HEADERS, name))])
		hash.update(readFileSync(path));
	const path = join(BUILD, `wanted-${hash.digest("hex").slice(0, 16)}.o`);
	if (!existsSync(path)) {
		mkdirSync(BUILD, { recursive: true });
		const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"];
		const unfinished = `${path}.${process.pid}`;
		const run = Bun.spawnSync(["clang", ...flags, "-c", source, "-o", unfinished]);
		if (!run.success) throw new Error(`wanted.bpf.c does not compile:\n${run.stderr}`);
		renameSync(unfinished, path);
	}
	return readFileSync(path);
}
