/** Whether the kernel lets anybody attach to its functions (fentry, fexit). */

import { ptr } from "bun:ffi";
import { EPERM } from "./errno.ts";
import { cString } from "./libc.ts";
import type { Libbpf } from "./library.ts";

const BPF_PROG_TYPE_TRACING = 26;
const BPF_TRACE_FENTRY = 24;
/** struct bpf_prog_load_opts of bpf.h, as far as it is set; libbpf reads `sz` bytes of it. */
const LOAD_OPTS = { size: 40, expectedAttachType: 12, attachBtfId: 32 } as const;
/** r0 = 0; exit */
const RETURN_0 = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
/** Never a function: void's successor, an integer as a rule. */
const NO_FUNCTION = 1;

/**
 * Asks for a program on a type that is no function, which no kernel loads: one that refuses all such
 * programs says so (EPERM) before it looks at the type. One microsecond, where a probe takes ten
 * milliseconds. Without CAP_PERFMON the answer is true, too.
 */
export function refusesTrampolines(library: Libbpf): boolean {
	const opts = new DataView(new ArrayBuffer(LOAD_OPTS.size));
	opts.setBigUint64(0, BigInt(LOAD_OPTS.size), true);
	opts.setUint32(LOAD_OPTS.expectedAttachType, BPF_TRACE_FENTRY, true);
	opts.setUint32(LOAD_OPTS.attachBtfId, NO_FUNCTION, true);
	const [name, license] = [cString("ct_probe"), cString("Dual BSD/GPL")];
	const result = library.symbols.bpf_prog_load(
		...([BPF_PROG_TYPE_TRACING, ptr(name), ptr(license)] as const),
		...([ptr(RETURN_0), RETURN_0.length / 8, ptr(opts)] as const),
	);
	return result === -EPERM;
}
