/** Runs programs of classic BPF as the kernel does, for the instructions that ours have. */

const MOST_STEPS = 4096;
const ANCILLARY = 0xffff_f000;

/** What the kernel knows of a packet. */
export interface PacketFacts {
	readonly protocol: number;
	readonly packetType: number;
	readonly hardwareType: number;
}

/** @returns what the program does: how many bytes it lets through */
export function runFilter(program: Uint8Array, packet: Uint8Array, facts: PacketFacts): number {
	const view = new DataView(program.buffer, program.byteOffset, program.length);
	const bytes = new DataView(packet.buffer, packet.byteOffset, packet.length);
	const known: Readonly<Record<number, number>> = {
		0: facts.protocol,
		4: facts.packetType,
		28: facts.hardwareType,
	};
	let [a, x, at] = [0, 0, 0];
	const memory = new Map<number, number>();
	for (let steps = 0; steps < MOST_STEPS; steps++) {
		const code = view.getUint16(at * 8, true);
		const k = view.getUint32(at * 8 + 4, true);
		const jump = (holds: boolean): number => view.getUint8(at * 8 + (holds ? 2 : 3));
		try {
			if (code === 0x06) return k;
			else if (code === 0x20)
				a = k >= ANCILLARY ? (known[k - ANCILLARY] ?? Number.NaN) : bytes.getUint32(k);
			else if (code === 0x28) a = bytes.getUint16(k);
			else if (code === 0x30) a = bytes.getUint8(k);
			else if (code === 0x48) a = bytes.getUint16(x + k);
			else if (code === 0x40) a = bytes.getUint32(x + k);
			else if (code === 0x50) a = bytes.getUint8(x + k);
			else if (code === 0x60) a = memory.get(k) ?? Number.NaN;
			else if (code === 0x02) memory.set(k, a);
			else if (code === 0x07) x = a;
			else if (code === 0x87) a = x;
			else if (code === 0x04) a = (a + k) >>> 0;
			else if (code === 0x0c) a = (a + x) >>> 0;
			else if (code === 0x54) a = (a & k) >>> 0;
			else if (code === 0x74) a >>>= k;
			else if (code === 0x01) x = k;
			else if (code === 0xb1) x = (bytes.getUint8(k) & 15) * 4;
			else if (code === 0x05) at += k;
			else if (code === 0x15) at += jump(a === k);
			else if (code === 0x25) at += jump(a > k);
			else if (code === 0x35) at += jump(a >= k);
			else if (code === 0x45) at += jump((a & k) !== 0);
			else throw new Error(`instruction ${code.toString(16)} is not known`);
		} catch (error) {
			// A load from behind the end.
			if (error instanceof RangeError) return 0;
			throw error;
		}
		at++;
	}
	throw new Error("it does not end");
}
