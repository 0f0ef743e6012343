/** A message of DNS (RFC 1035): what it says, or that it is malformed. Nothing in here throws. */

import rcodes from "dns-packet/rcodes.js";
import { dataText, typeName } from "./dns-data.ts";
import { byteAt, MalformedDns, NameReader, u16At, u32At } from "./dns-name.ts";
import type { DnsAnswer } from "./dns-records.ts";

const HEADER_BYTES = 12;
const IS_ANSWER = 0x8000;
const IS_TRUNCATED = 0x0200;
const OPT = 41;
/** Of one message: the others are counted, and not kept. */
const MOST_ANSWERS = 64;
/** Of one message: no sound one has more, and each takes time. */
const MOST_RECORDS = 4096;
/** Of EDNS (RFC 6891), and of what is built on it. */
const EXTENDED_CODES = new Map([
	[16, "BADVERS"],
	[23, "BADCOOKIE"],
]);

/** The header and the first question. */
export interface DnsHead {
	readonly id: number;
	readonly isAnswer: boolean;
	/** 0 is a query; others change zones, and the like. */
	readonly opcode: number;
	readonly isTruncated: boolean;
	/** Of the first question; null where there is none. */
	readonly questionName: string | null;
	readonly questionType: string | null;
}

/** What takes the records behind the questions. */
export interface DnsBody {
	/** `NOERROR`, …; with the bits of EDNS. */
	readonly responseCode: string;
	/** The first of them. */
	readonly answers: readonly DnsAnswer[];
	/** All of them. */
	readonly answerCount: number;
	/** Some record behind the question could not be read, although the message should be whole. */
	readonly isBroken: boolean;
}

/** What is needed of one. */
export interface DnsMessage extends DnsHead {
	/** Reads it, while the bytes of the message are there: whoever sends what nobody wants costs no more than its head. */
	readonly body: () => DnsBody;
}

/**
 * @param isCut whether its end is missing, and what is there is to be taken
 * @returns null where not even its question can be read
 */
export function readDnsMessage(bytes: Uint8Array, isCut: boolean): DnsMessage | null {
	try {
		return read(bytes, isCut);
	} catch (error) {
		if (error instanceof MalformedDns) return null;
		throw error;
	}
}

function read(bytes: Uint8Array, isCut: boolean): DnsMessage {
	const flags = u16At(bytes, 2);
	const questions = u16At(bytes, 4);
	const isTruncated = (flags & IS_TRUNCATED) !== 0;
	byteAt(bytes, HEADER_BYTES - 1);
	if (questions > MOST_RECORDS) throw new MalformedDns("too many questions");
	const names = new NameReader(bytes);
	let at = HEADER_BYTES;
	let questionName: string | null = null;
	let questionType: string | null = null;
	for (let question = 0; question < questions; question++) {
		if (question === 0) questionName = names.read(at);
		else names.skip(at);
		const type = u16At(bytes, names.end);
		u16At(bytes, names.end + 2);
		at = names.end + 4;
		if (question === 0) questionType = typeName(type);
	}
	return {
		...{ id: u16At(bytes, 0), isAnswer: (flags & IS_ANSWER) !== 0, opcode: (flags >> 11) & 15 },
		...{ isTruncated, questionName, questionType },
		body() {
			const records = new Records(bytes, names);
			const isWhole = records.read(at);
			return {
				responseCode: codeName((records.extendedCode << 4) | (flags & 15)),
				...{ answers: records.answers, answerCount: u16At(bytes, 6) },
				isBroken: !isWhole && !isCut && !isTruncated,
			};
		},
	};
}

/** What stands behind the questions. */
class Records {
	readonly answers: DnsAnswer[] = [];
	/** The upper eight bits. */
	extendedCode = 0;
	readonly #bytes: Uint8Array;
	readonly #names: NameReader;
	#at = 0;

	constructor(bytes: Uint8Array, names: NameReader) {
		this.#bytes = bytes;
		this.#names = names;
	}

	/** @returns whether all could be read */
	read(at: number): boolean {
		this.#at = at;
		const answers = u16At(this.#bytes, 6);
		const others = u16At(this.#bytes, 8) + u16At(this.#bytes, 10);
		if (answers + others > MOST_RECORDS) return false;
		try {
			for (let index = 0; index < answers + others; index++) this.#readOne(index < answers);
			return true;
		} catch (error) {
			if (error instanceof MalformedDns) return false;
			throw error;
		}
	}

	#readOne(isAnswer: boolean): void {
		const [bytes, names] = [this.#bytes, this.#names];
		const ownerAt = this.#at;
		names.skip(ownerAt);
		const at = names.end;
		const type = u16At(bytes, at);
		const ttl = u32At(bytes, at + 4);
		const dataAt = at + 10;
		const end = dataAt + u16At(bytes, at + 8);
		if (end > bytes.length) throw new MalformedDns("a record that ends behind its message");
		if (type === OPT) this.extendedCode = ttl >>> 24;
		else if (isAnswer && this.answers.length < MOST_ANSWERS) {
			const name = names.read(ownerAt);
			const typeText = typeName(type);
			const data = dataText(bytes, names, { type: typeText, at: dataAt, end });
			this.answers.push({ name, type: typeText, ttl, data });
		}
		this.#at = end;
	}
}

function codeName(code: number): string {
	return EXTENDED_CODES.get(code) ?? rcodes.toString(code);
}
