/** The public records of DNS, named and typed as they stand in a JSON line. */

import type { GapRecord, Transport } from "./records.ts";

/** A resource record of an answer. */
export interface DnsAnswer {
	/** As `question_name`. */
	readonly name: string;
	/** `A`, `CNAME`, …; `TYPE65280` for one without a name. */
	readonly type: string;
	/** Seconds. */
	readonly ttl: number;
	/** As master files have it: an address, a name; `\# length hexadecimal` where it has no other form here. */
	readonly data: string;
}

/** A question of DNS that was answered, or was not in time. */
export interface DnsRecord {
	readonly type: "dns";
	/** When the answer came, or the time for it was over. */
	readonly time: string;
	/** Inode number of the network namespace in which it was seen. */
	readonly netns: number;
	readonly transport: Transport;
	/** Who asked. */
	readonly client_address: string;
	readonly client_port: number;
	readonly server_address: string;
	readonly server_port: number;
	/** Of the message: 16 bits. */
	readonly id: number;
	/** In lower case, without a dot at the end; `.` is the root, bytes that are not printable are `\DDD`. */
	readonly question_name: string | null;
	readonly question_type: string | null;
	/** `NOERROR`, `NXDOMAIN`, …; null where there is no answer. */
	readonly response_code: string | null;
	/** `timeout`: there is no answer. */
	readonly error: "timeout" | null;
	/** From the question to its answer. */
	readonly latency_us: number | null;
	/** The answer says that it is not all. */
	readonly truncated: boolean | null;
	/** All that there are; those that could be read, up to 64, are in `answers`. */
	readonly answer_count: number | null;
	readonly answers: readonly DnsAnswer[];
	/** Of who asked, if that is in this network namespace. */
	readonly pid: number | null;
	readonly process: string | null;
}

/** What was reported since the batch before, and what was lost. */
export interface DnsBatch {
	readonly records: readonly DnsRecord[];
	readonly gaps: readonly GapRecord[];
}
