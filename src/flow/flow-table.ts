/**
 * The flow table as user space sees it: slots of `struct flow`, written by the kernel at any
 * time, whose totals only grow. Each reading turns what they grew by into rows.
 */

import { readU64 } from "../maps/codec.ts";
import { SLOT, SLOT_STATE } from "../maps/enums.ts";
import { flow, flowKey } from "../maps/structs.ts";
import type { FlowFilter } from "./filter.ts";
import {
	type FlowSubject,
	keyPartsFor,
	pidOf,
	recordKey,
	subjectFrom,
	uidOf,
} from "./flow-subject.ts";
import type { Aggregate, ContainerOf, FlowRecord } from "./records.ts";
import { type Growth, type LastOwner, RowBuilder } from "./row-builder.ts";

export interface FlowTableOptions {
	readonly aggregate: Aggregate;
	readonly filter: FlowFilter | null;
	/** Flows of two processes are two rows; `last_pid` and `uid` are of the key. */
	readonly byOwner?: boolean;
	readonly containerOf: ContainerOf;
}

/**
 * Totals of `struct flow`, in the order in which they are read: what ends before what begins, so
 * that no connection seems to end before it began.
 */
const TOTALS = [
	"closed",
	"failed",
	"opened",
	"adopted",
	"bytes_sent",
	"bytes_received",
	"segments_retransmitted",
	"rtt_sum_us",
	"rtt_samples",
	"uncounted",
] as const;
const CLOSED = TOTALS.indexOf("closed");
const OPENED = TOTALS.indexOf("opened");
const UNCOUNTED = TOTALS.indexOf("uncounted");
const ADOPTED = TOTALS.indexOf("adopted");
const OFFSETS = Int32Array.from(TOTALS, (name) => flow.offsets[name]);

/** A slot that was never used, this far beyond the last that was, ends a reading. */
const UNUSED_MARGIN = 64;
/** An idle flow keeps its slot for so many readings, in case it comes back. */
const IDLE_READINGS = 10;

const LIFE = { UNKNOWN: 0, SHOWN: 1, HIDDEN: 2 } as const;

export class FlowTable {
	readonly #options: FlowTableOptions;
	readonly #view: DataView;
	readonly #slots: number;
	/** A row is one slot, unless the kernel keeps apart what the aggregate adds up. */
	readonly #merges: boolean;
	readonly #previous: Float64Array;
	/** Of the slot that is being read: no garbage for a flow in which nothing moved. */
	readonly #grown = new Float64Array(TOTALS.length);
	readonly #lives: Uint8Array;
	readonly #idleReadings: Uint8Array;
	readonly #subjects: (FlowSubject | undefined)[] = [];
	/** Slots whose key is deleted: nothing new comes to them, and what was under way has come. */
	#retiring: number[] = [];
	#lastUsed = 0;

	/** `view` must hold `slots` times struct flow, and stay valid as long as this is used. */
	constructor(view: DataView, slots: number, options: FlowTableOptions) {
		this.#view = view;
		this.#slots = slots;
		this.#options = options;
		this.#merges = keyPartsFor(options) !== keyPartsFor({ ...options, filter: null });
		this.#previous = new Float64Array(slots * TOTALS.length);
		this.#lives = new Uint8Array(slots);
		this.#idleReadings = new Uint8Array(slots);
	}

	/** What every flow grew by since the last call. Flows that are open stand there in any case. */
	read(time: string, intervalMs: number): FlowRecord[] {
		const rows = new RowBuilder(time, intervalMs);
		for (let slot = SLOT.SLOT_OVERFLOW + 1; slot < this.#slots; slot++) {
			if (this.#isLive(slot)) this.#readSlot(slot, rows);
			else if (slot > this.#lastUsed + UNUSED_MARGIN) break;
		}
		return rows.finish();
	}

	/** Connections that were open before the start, so far. */
	adopted(): number {
		let adopted = 0;
		let unused = 0;
		for (let slot = 0; slot < this.#slots && unused < UNUSED_MARGIN; slot++) {
			adopted += readU64(this.#view, slot * flow.size + flow.offsets.adopted);
			unused = this.#isLive(slot) ? 0 : unused + 1;
		}
		return adopted;
	}

	/** Whether any connection is open: if not, there is none to fold. */
	hasOpen(): boolean {
		let unused = 0;
		for (let slot = 0; slot < this.#slots && unused < UNUSED_MARGIN; slot++) {
			if (this.#references(slot) > 0) return true;
			unused = this.#isLive(slot) || slot <= this.#lastUsed ? 0 : unused + 1;
		}
		return false;
	}

	/** Connections that found no slot since the last call. */
	takeOverflow(): number {
		const growth = this.#growth(SLOT.SLOT_OVERFLOW);
		return growth === null ? 0 : growth.adopted + growth.opened + growth.failed;
	}

	/**
	 * The keys of flows that have been idle, one after another: the caller deletes them from
	 * flow_slots. By the next call their slots are `freed`: the caller puts them into free_slots.
	 */
	retire(): { keys: Uint8Array; count: number; freed: number[] } {
		const freed = this.#freeRetired();
		const full = this.#lastUsed > this.#slots / 2 || this.#options.aggregate === "connection";
		const limit = full ? 1 : IDLE_READINGS;
		const retiring: number[] = [];
		for (let slot = SLOT.SLOT_OVERFLOW + 1; slot <= this.#lastUsed; slot++) {
			if ((this.#idleReadings[slot] ?? 0) >= limit && this.#lives[slot] !== LIFE.UNKNOWN)
				retiring.push(slot);
		}
		const keys = new Uint8Array(retiring.length * flowKey.size);
		for (const [index, slot] of retiring.entries()) {
			keys.set(this.#keyBytes(slot), index * flowKey.size);
			this.#idleReadings[slot] = 0;
		}
		this.#retiring.push(...retiring);
		return { keys, count: retiring.length, freed };
	}

	#isLive(slot: number): boolean {
		const state = this.#view.getUint32(slot * flow.size + flow.offsets.state, true);
		return state === SLOT_STATE.SLOT_LIVE;
	}

	#readSlot(slot: number, rows: RowBuilder): void {
		this.#lastUsed = Math.max(this.#lastUsed, slot);
		const growth = this.#growth(slot);
		if (growth === null) {
			// A socket that TCP is done with, but its program is not, still points here.
			if (this.#references(slot) > 0) return;
			this.#idleReadings[slot] = Math.min((this.#idleReadings[slot] ?? 0) + 1, 255);
			return;
		}
		this.#idleReadings[slot] = 0;
		const subject = this.#subject(slot);
		if (this.#lives[slot] !== LIFE.SHOWN) return;
		const { byOwner = false } = this.#options;
		const last = this.#lastOwner(slot);
		const { pid, uid } = byOwner ? subject : last;
		const key = this.#merges ? recordKey(subject, byOwner) : slot;
		rows.add(key, subject, growth, { pid, uid, started: last.started });
	}

	#lastOwner(slot: number): LastOwner {
		const base = slot * flow.size;
		const word = (offset: number): number => this.#view.getUint32(base + offset, true);
		return {
			pid: pidOf(word(flow.offsets.last_pid)),
			uid: uidOf(word(flow.offsets.last_uid)),
			started: word(flow.offsets.last_started),
		};
	}

	#subject(slot: number): FlowSubject {
		const known = this.#subjects[slot];
		if (known !== undefined) return known;
		const subject = subjectFrom(flowKey.decode(this.#keyBytes(slot)), this.#options);
		const { filter } = this.#options;
		this.#subjects[slot] = subject;
		this.#lives[slot] = filter === null || filter.matches(subject) ? LIFE.SHOWN : LIFE.HIDDEN;
		return subject;
	}

	/** Null for a flow in which nothing moved and no connection is open. */
	#growth(slot: number): Growth | null {
		const base = slot * flow.size;
		const at = slot * TOTALS.length;
		const previous = this.#previous;
		let moved = false;
		for (let index = 0; index < TOTALS.length; index++) {
			const now = readGrowing(this.#view, base + (OFFSETS[index] ?? 0));
			const before = previous[at + index] ?? 0;
			if (now !== before) moved = true;
			this.#grown[index] = now - before;
			previous[at + index] = now;
		}
		const total = (index: number): number => previous[at + index] ?? 0;
		const open = total(OPENED) + total(ADOPTED) - total(CLOSED);
		return moved || open > 0 ? growthFrom(this.#grown, open, total(UNCOUNTED)) : null;
	}

	#freeRetired(): number[] {
		const kept: number[] = [];
		const freed: number[] = [];
		for (const slot of this.#retiring) {
			// A connection that came while its flow was being retired: it stays until that ends.
			if ((this.#idleReadings[slot] ?? 0) === 0) kept.push(slot);
			else {
				this.#free(slot);
				freed.push(slot);
			}
		}
		this.#retiring = kept;
		return freed;
	}

	#free(slot: number): void {
		const base = slot * flow.size;
		for (const name of TOTALS) this.#view.setBigUint64(base + flow.offsets[name], 0n, true);
		this.#previous.fill(0, slot * TOTALS.length, (slot + 1) * TOTALS.length);
		this.#lives[slot] = LIFE.UNKNOWN;
		this.#idleReadings[slot] = 0;
		this.#subjects[slot] = undefined;
		this.#view.setUint32(base + flow.offsets.state, SLOT_STATE.SLOT_FREED, true);
	}

	#references(slot: number): number {
		return readGrowing(this.#view, slot * flow.size + flow.offsets.references);
	}

	#keyBytes(slot: number): Uint8Array {
		const from = this.#view.byteOffset + slot * flow.size + flow.offsets.key;
		return new Uint8Array(this.#view.buffer, from, flowKey.size);
	}
}

/** A u64 that another CPU adds to meanwhile: read anew when its high half has just changed. */
function readGrowing(view: DataView, offset: number): number {
	for (;;) {
		const high = view.getUint32(offset + 4, true);
		const value = readU64(view, offset);
		if (view.getUint32(offset + 4, true) === high) return value;
	}
}

function growthFrom(grown: Float64Array, open: number, uncounted: number): Growth {
	const growth = { open } as Growth;
	for (const [index, name] of TOTALS.entries()) growth[name] = grown[index] ?? 0;
	growth.uncounted = uncounted;
	return growth;
}
