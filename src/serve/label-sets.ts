/**
 * What each set of labels has counted, for so many of them at one time. Who shows how many are the
 * users of the machine, by the names of their processes: none of them can take all places.
 */

import type { ChangedConnection } from "../flow/client-answers.ts";
import { safeText } from "../sink/text.ts";
import type { ClientConnection } from "../trace/client-records.ts";

export type Changed = ChangedConnection<ClientConnection>;

/** No pid, no address, and of the ports that of the side which listens. */
export interface Labels {
	readonly process: string;
	readonly network_transport: string;
	readonly server_port: string;
	readonly role: string;
}

/** Since the start; a set that has lost its place goes on where it was when it has one again. */
export interface LabelSet {
	readonly labels: Labels;
	/** Who showed it first. */
	readonly uid: number | null;
	changedAtMs: number;
	transmitted: number;
	received: number;
	/** Null where nobody counts them. */
	retransmitted: number | null;
	opened: number;
	/** By errno. */
	readonly failed: Map<string, number>;
	/** By reason. */
	readonly closed: Map<string, number>;
	/** Now. */
	active: number;
}

/** Why a set finds no place. */
export type Refusal = "full" | "user";

export interface LabelSetOptions {
	/** At one time; each has some ten series. Default 1000. */
	readonly most: number;
	/** One that has nothing open, and has not changed for so long, makes room where there is none. Default ten minutes. */
	readonly idleMs: number;
}

const DEFAULTS: LabelSetOptions = { most: 1000, idleMs: 600_000 };
/** Of all places, those that one user can have; root can have all. */
const SHARE_OF_USER = 1 / 4;
/** Sets without a place whose counts are kept, for each that has one. */
const REMEMBERED = 10;
const ROOT = 0;
const ROLES = { active: "client", passive: "server" } as const;

export class LabelSets {
	readonly refused: Record<Refusal, number> = { full: 0, user: 0 };
	/** Of all that find no place. */
	readonly #other: LabelSet;
	readonly #options: LabelSetOptions;
	/** The one that changed last comes last. */
	readonly #sets = new Map<string, LabelSet>();
	readonly #remembered = new Map<string, LabelSet>();
	readonly #byUser = new Map<number | null, number>();

	constructor(options: Partial<LabelSetOptions> = {}) {
		this.#options = { ...DEFAULTS, ...options };
		const [process, network_transport] = ["other", "other"];
		const labels = { process, network_transport, server_port: "other", role: "other" };
		this.#other = newSet(labels, null);
	}

	/** That have a place. */
	get size(): number {
		return this.#sets.size;
	}

	get most(): number {
		return this.#options.most;
	}

	/** Those with a place, and `other` where it has counted anything. */
	*[Symbol.iterator](): Generator<LabelSet, void, undefined> {
		yield* this.#sets.values();
		if (this.#other.changedAtMs > Number.NEGATIVE_INFINITY) yield this.#other;
	}

	/** Before what is open is told anew. */
	forgetOpen(): void {
		for (const set of this) set.active = 0;
	}

	/** @param nowMs of a clock that nobody sets */
	of(changed: Changed, nowMs: number): LabelSet {
		const key = keyOf(changed);
		const set = this.#sets.get(key) ?? this.#place(key, changed, nowMs);
		if (!hasChanged(changed) && set.changedAtMs > Number.NEGATIVE_INFINITY) return set;
		set.changedAtMs = nowMs;
		if (set === this.#other) return set;
		this.#sets.delete(key);
		this.#sets.set(key, set);
		return set;
	}

	#place(key: string, changed: Changed, nowMs: number): LabelSet {
		const known = this.#remembered.get(key);
		const uid = known?.uid ?? changed.uid;
		const refusal = this.#refusal(uid, nowMs);
		if (refusal !== null) {
			this.refused[refusal]++;
			return this.#other;
		}
		const set = known ?? newSet(labelsOf(changed), uid);
		this.#remembered.delete(key);
		this.#sets.set(key, set);
		this.#byUser.set(uid, (this.#byUser.get(uid) ?? 0) + 1);
		return set;
	}

	#refusal(uid: number | null, nowMs: number): Refusal | null {
		const { most } = this.#options;
		const mostOfUser = uid === ROOT ? most : Math.ceil(most * SHARE_OF_USER);
		const isOwn = (set: LabelSet): boolean => set.uid === uid;
		if ((this.#byUser.get(uid) ?? 0) >= mostOfUser && !this.#makeRoom(isOwn, nowMs)) return "user";
		if (this.#sets.size >= most && !this.#makeRoom(() => true, nowMs)) return "full";
		return null;
	}

	/** Takes the place of one that has been idle for long. */
	#makeRoom(mayGo: (set: LabelSet) => boolean, nowMs: number): boolean {
		for (const [key, set] of this.#sets) {
			if (nowMs - set.changedAtMs < this.#options.idleMs) return false;
			if (set.active > 0 || !mayGo(set)) continue;
			this.#sets.delete(key);
			this.#byUser.set(set.uid, (this.#byUser.get(set.uid) ?? 1) - 1);
			if (this.#byUser.get(set.uid) === 0) this.#byUser.delete(set.uid);
			this.#remember(key, set);
			return true;
		}
		return false;
	}

	#remember(key: string, set: LabelSet): void {
		this.#remembered.set(key, set);
		if (this.#remembered.size <= REMEMBERED * this.#options.most) return;
		for (const oldest of this.#remembered.keys()) {
			this.#remembered.delete(oldest);
			return;
		}
	}
}

const newSet = (labels: Labels, uid: number | null): LabelSet => ({
	...{ labels, uid, changedAtMs: Number.NEGATIVE_INFINITY, transmitted: 0, received: 0 },
	...{ retransmitted: null, opened: 0, failed: new Map(), closed: new Map(), active: 0 },
});

function hasChanged({ since_last }: Changed): boolean {
	const { bytes_sent, bytes_received, segments_retransmitted } = since_last;
	const { connections_opened, connections_failed, connections_closed } = since_last;
	const happened = connections_opened + connections_failed + connections_closed;
	return happened + (bytes_sent ?? 0) + (bytes_received ?? 0) + (segments_retransmitted ?? 0) > 0;
}

const keyOf = (changed: Changed): string => {
	const { process, network_transport, server_port, role } = rawLabelsOf(changed);
	return `${network_transport} ${role} ${server_port} ${process}`;
};

function rawLabelsOf(changed: Changed) {
	const { process, transport, direction, local_port, remote_port } = changed;
	const port = direction === "active" ? remote_port : direction === "passive" ? local_port : null;
	const role = direction === null ? "unknown" : ROLES[direction];
	return { process, network_transport: transport, server_port: port, role };
}

function labelsOf(changed: Changed): Labels {
	const { process, network_transport, server_port, role } = rawLabelsOf(changed);
	return {
		...{ process: safeText(process ?? "unknown"), network_transport },
		...{ server_port: server_port === null ? "unknown" : String(server_port), role },
	};
}
