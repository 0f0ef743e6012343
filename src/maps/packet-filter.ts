/** The program of classic BPF (bpf(4), socket(7) SO_ATTACH_FILTER) that lets datagrams and segments of some ports through. */

/** Both ends included. */
interface PortSpan {
	readonly first: number;
	readonly last: number;
}

/** What is let through. */
export interface PacketFilterOptions {
	/** Of either end. */
	readonly ports: readonly PortSpan[];
	readonly ipv4: boolean;
	readonly ipv6: boolean;
	readonly tcp: boolean;
	readonly udp: boolean;
	/**
	 * Also what looks like DNS at other ports, where a rule (DNAT, REDIRECT) may have sent it: of
	 * datagrams all, of segments those of loopback that begin with a message.
	 */
	readonly elsewhere: boolean;
}

/** One comparison of a span of ports jumps over all that follow, in a byte. */
export const MOST_SPANS = 32;

/** struct sock_filter */
const INSTRUCTION_BYTES = 8;

const LD_W_ABS = 0x20;
const LD_H_ABS = 0x28;
const LD_B_ABS = 0x30;
const LD_H_IND = 0x48;
const LD_W_IND = 0x40;
const LD_B_IND = 0x50;
const LD_MEM = 0x60;
const ST = 0x02;
const TAX = 0x07;
const TXA = 0x87;
const ADD = 0x04;
const ADD_X = 0x0c;
const AND = 0x54;
const RSH = 0x74;
const LDX_IMM = 0x01;
const LDX_MSH = 0xb1;
const JEQ = 0x15;
const JGT = 0x25;
const JGE = 0x35;
const JSET = 0x45;
const JA = 0x05;
const RET = 0x06;

/** SKF_AD_OFF of linux/filter.h: loads from there read what is known of the packet, and not its bytes. */
const ANCILLARY = 0xffff_f000;
const PROTOCOL = ANCILLARY;
const PACKET_TYPE = ANCILLARY + 4;
const HARDWARE_TYPE = ANCILLARY + 28;

const PACKET_OUTGOING = 4;
const ARPHRD_LOOPBACK = 772;
const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_FRAGMENT = 44;
const IPV6_HEADER_BYTES = 40;
const FRAGMENT_HEADER_BYTES = 8;
const UDP_HEADER_BYTES = 8;
/** Where the header of TCP says how many words it has, in the upper half of the byte. */
const TCP_OFFSET = 12;
/** Of a message over TCP, in front of it. */
const LENGTH_BYTES = 2;

/** The header of a message (RFC 1035, 4.1.1), and what its flags never have in a question or an answer that is a query. */
const DNS = { flags: 2, questions: 4, answers: 6, authorities: 8, additional: 10 };
const IS_ANSWER = 0x8000;
/** All but RD, AD and CD. */
const NEVER_ASKED = 0xfecf;
/** OPCODE, Z. */
const NEVER_ANSWERED = 0x7840;
/** EDNS, and a signature (TSIG). */
const MOST_ADDITIONAL = 2;

/** Whole packets: more than any has. */
const ALL_BYTES = 0x4_0000;

type Label = string;

interface Instruction {
	readonly code: number;
	readonly k: number;
	/** Where to go; null: on. */
	readonly yes: Label | null;
	readonly no: Label | null;
}

class Assembler {
	readonly #instructions: Instruction[] = [];
	readonly #labels = new Map<Label, number>();

	do(code: number, k: number): void {
		this.#instructions.push({ code, k, yes: null, no: null });
	}

	jump(code: number, k: number, yes: Label | null, no: Label | null): void {
		this.#instructions.push({ code, k, yes, no });
	}

	label(name: Label): void {
		this.#labels.set(name, this.#instructions.length);
	}

	bytes(): Uint8Array {
		const view = new DataView(new ArrayBuffer(this.#instructions.length * INSTRUCTION_BYTES));
		for (const [index, { code, k, yes, no }] of this.#instructions.entries()) {
			const at = index * INSTRUCTION_BYTES;
			view.setUint16(at, code, true);
			if (code === JA) {
				view.setUint32(at + 4, this.#distance(index, yes), true);
				continue;
			}
			view.setUint8(at + 2, this.#distance(index, yes));
			view.setUint8(at + 3, this.#distance(index, no));
			view.setUint32(at + 4, k, true);
		}
		return new Uint8Array(view.buffer);
	}

	#distance(from: number, label: Label | null): number {
		if (label === null) return 0;
		return (this.#labels.get(label) ?? Number.NaN) - from - 1;
	}
}

/**
 * For a packet socket without link headers (SOCK_DGRAM): byte 0 is IP's first.
 *
 * Fragments of IPv4 and IPv6 after the first have no ports, and are not let through; nor is IPv6
 * with other headers between its own and that of UDP or TCP than the one of a first fragment. What
 * goes over loopback is there twice, when it is sent and when it is received: the first is not let through.
 *
 * @returns the instructions, as the kernel takes them
 * @throws RangeError for more than MOST_SPANS spans
 */
export function packetFilter(options: PacketFilterOptions): Uint8Array {
	const { ports } = options;
	if (ports.length > MOST_SPANS) throw new RangeError(`ports: more than ${MOST_SPANS} spans`);
	const program = new Assembler();
	program.do(LD_W_ABS, HARDWARE_TYPE);
	program.jump(JEQ, ARPHRD_LOOPBACK, null, "protocol");
	program.do(LD_W_ABS, PACKET_TYPE);
	program.jump(JEQ, PACKET_OUTGOING, "drop", null);
	program.label("protocol");
	program.do(LD_W_ABS, PROTOCOL);
	if (options.ipv4) program.jump(JEQ, ETH_P_IP, "ipv4", null);
	if (options.ipv6) program.jump(JEQ, ETH_P_IPV6, "ipv6", null);
	program.do(RET, 0);
	if (options.ipv4) appendIpv4(program, options);
	if (options.ipv6) appendIpv6(program, options);
	program.label("ports");
	if (options.elsewhere) program.do(ST, 0);
	appendPorts(program, ports, 0);
	appendPorts(program, ports, 2);
	if (options.elsewhere) appendElsewhere(program, options);
	program.label("drop");
	program.do(RET, 0);
	program.label("take");
	program.do(RET, ALL_BYTES);
	return program.bytes();
}

function appendIpv4(program: Assembler, options: PacketFilterOptions): void {
	program.label("ipv4");
	program.do(LD_B_ABS, 9);
	appendTransports(program, options, "ipv4 found", "drop");
	program.label("ipv4 found");
	program.do(LD_H_ABS, 6);
	// The offset of a fragment.
	program.jump(JSET, 0x1fff, "drop", null);
	program.do(LDX_MSH, 0);
	program.do(LD_B_ABS, 9);
	program.jump(JA, 0, "ports", null);
}

function appendIpv6(program: Assembler, options: PacketFilterOptions): void {
	program.label("ipv6");
	program.do(LDX_IMM, IPV6_HEADER_BYTES);
	program.do(LD_B_ABS, 6);
	appendTransports(program, options, "ports", null);
	program.jump(JEQ, IPPROTO_FRAGMENT, null, "drop");
	program.do(LDX_IMM, IPV6_HEADER_BYTES + FRAGMENT_HEADER_BYTES);
	program.do(LD_H_ABS, IPV6_HEADER_BYTES + 2);
	program.jump(JSET, 0xfff8, "drop", null);
	program.do(LD_B_ABS, IPV6_HEADER_BYTES);
	appendTransports(program, options, "ports", "drop");
}

/** @param no where to go if it is none of them; null: on */
function appendTransports(
	program: Assembler,
	{ tcp, udp }: PacketFilterOptions,
	yes: Label,
	no: Label | null,
): void {
	if (tcp) program.jump(JEQ, IPPROTO_TCP, yes, udp ? null : no);
	if (udp) program.jump(JEQ, IPPROTO_UDP, yes, no);
}

/** @param at of the port, behind the header of IP, which ends where X says */
function appendPorts(program: Assembler, ports: readonly PortSpan[], at: number): void {
	program.do(LD_H_IND, at);
	for (const [index, { first, last }] of ports.entries()) {
		const next = `${at} ${index}`;
		program.jump(JGE, first, null, next);
		program.jump(JGT, last, next, "take");
		program.label(next);
	}
}

/** Goes on where the ports are others: X is where the header of IP ends, and the protocol is in memory. */
function appendElsewhere(program: Assembler, { tcp, udp }: PacketFilterOptions): void {
	program.do(LD_MEM, 0);
	program.jump(JEQ, IPPROTO_TCP, tcp ? "segment" : "drop", udp ? null : "drop");
	program.do(TXA, 0);
	program.do(ADD, UDP_HEADER_BYTES);
	program.jump(JA, 0, "message", null);
	program.label("segment");
	program.do(LD_W_ABS, HARDWARE_TYPE);
	program.jump(JEQ, ARPHRD_LOOPBACK, null, "drop");
	program.do(LD_B_IND, TCP_OFFSET);
	program.do(AND, 0xf0);
	program.do(RSH, 2);
	program.do(ADD_X, 0);
	program.do(ADD, LENGTH_BYTES);
	program.label("message");
	program.do(TAX, 0);
	appendMessage(program);
}

/** One question, and counts as they are: what else is sent has that once in many millions of packets. */
function appendMessage(program: Assembler): void {
	program.do(LD_H_IND, DNS.questions);
	program.jump(JEQ, 1, null, "drop");
	program.do(LD_H_IND, DNS.flags);
	program.jump(JSET, IS_ANSWER, "answer", null);
	program.jump(JSET, NEVER_ASKED, "drop", null);
	program.do(LD_W_IND, DNS.answers);
	program.jump(JEQ, 0, null, "drop");
	program.do(LD_H_IND, DNS.additional);
	program.jump(JGT, MOST_ADDITIONAL, "drop", "take");
	program.label("answer");
	program.jump(JSET, NEVER_ANSWERED, "drop", null);
	program.do(LD_B_IND, DNS.answers);
	program.jump(JEQ, 0, null, "drop");
	program.do(LD_B_IND, DNS.authorities);
	program.jump(JEQ, 0, "take", "drop");
}
