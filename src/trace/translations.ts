/**
 * What network address translation hides, asked of conntrack at the moment when it is wanted:
 * nothing listens, no network namespace is held open, nothing runs in between (docs/adr/0025).
 */

import { heldCapabilities } from "../enrich/capabilities.ts";
import { networkNamespaces, OWN_NETWORK_NAMESPACE, SysctlFile, sysctl } from "../enrich/procfs.ts";
import { LibbpfError, PermissionError, UnsupportedError } from "../errors.ts";
import type { NatSource } from "../flow/event-translations.ts";
import { endsOf, reversed } from "../flow/flow-ends.ts";
import { NatTable } from "../flow/nat-table.ts";
import type { FlowRecord, ReadyRecord, Translation } from "../flow/records.ts";
import type { CtFlow, Tuple } from "../maps/ct-flow.ts";
import { CONNTRACK_COUNT } from "./conntrack-features.ts";
import { ConntrackTable } from "./conntrack-table.ts";
import { ConntrackZones } from "./conntrack-zones.ts";
import { netnsInode, visitNetns } from "./netns.ts";
import { withRaisedRights } from "./raised-rights.ts";

/** Between two looks for namespaces that are new. */
const SCAN_MS = 1000;
/** What a look at a translated flow is paid with, so that large tables do not take all the time: some 2 %. */
const PAUSE_PER_FLOW_MS = 0.1;

export class Translations implements NatSource, Disposable {
	readonly #isAllowed = heldCapabilities().has("CAP_NET_ADMIN");
	readonly #home = netnsInode(OWN_NETWORK_NAMESPACE) ?? 0;
	#paths: ReadonlyMap<number, string>;
	#scannedAt = Number.NEGATIVE_INFINITY;
	#table = new NatTable(this.#home);
	#tableAt = Number.NEGATIVE_INFINITY;
	#homeFile: SysctlFile | null = null;
	readonly #zones = new ConntrackZones();

	/** @param paths of network namespaces, by their numbers: those that are known */
	constructor(paths: ReadonlyMap<number, string> = new Map()) {
		this.#paths = paths;
	}

	/** Whether conntrack can be asked at all. */
	get isAllowed(): boolean {
		return this.#isAllowed;
	}

	/** Says how it is known. */
	withWay(ready: ReadyRecord): ReadyRecord {
		const nat = this.#isAllowed ? "ctnetlink" : "none: without CAP_NET_ADMIN";
		return { ...ready, hooks: { ...ready.hooks, nat } };
	}

	/** Of these network namespaces, and of that which others reach the world through. */
	table(inodes: Iterable<number>): NatTable {
		const table = new NatTable(this.#home);
		for (const inode of this.#active(inodes))
			this.#visit(inode, (conntrack) =>
				conntrack.dumpTranslated((message) => table.add(inode, message)),
			);
		return table;
	}

	/** By a table that may be some time old where it is large. */
	translated(flows: readonly FlowRecord[]): readonly FlowRecord[] {
		if (flows.length > 0 && performance.now() >= this.#tableAt) {
			this.#table = this.table(flows.map(({ netns }) => netns));
			this.#tableAt = performance.now() + this.#table.size * PAUSE_PER_FLOW_MS;
		}
		if (this.#table.size === 0) return flows;
		return flows.map((flow) => ({ ...flow, nat: this.#table.find(flow) }));
	}

	isActive(netns: number): boolean {
		return this.#active([netns]).length > 0;
	}

	of(netns: number, tuples: readonly Tuple[]): ReadonlyMap<number, Translation> {
		const found = new Map<number, Translation>();
		// What its own says comes last, and stays.
		for (const inode of this.#active([netns]))
			this.#visit(inode, (conntrack) =>
				this.#zones.find(inode, conntrack, tuples, (index, flow) => {
					const tuple = tuples[index];
					if (tuple !== undefined) found.set(index, otherView(tuple, flow));
				}),
			);
		return found;
	}

	/** Idempotent. */
	[Symbol.dispose](): void {
		this.#homeFile?.[Symbol.dispose]();
		this.#homeFile = null;
	}

	/** Of our own network namespace; null where nothing can be asked. */
	#homeCount(): number | null {
		if (!this.#isAllowed) return null;
		this.#homeFile ??= SysctlFile.open(CONNTRACK_COUNT);
		return this.#homeFile?.read() ?? null;
	}

	/** What is refused, or breaks off, is not known. */
	#visit(inode: number, look: (conntrack: ConntrackTable) => void): void {
		this.#enter(inode, () => {
			try {
				withRaisedRights(() => {
					using conntrack = ConntrackTable.open();
					look(conntrack);
				});
			} catch (error) {
				if (!UNKNOWN.some((kind) => error instanceof kind)) throw error;
			}
		});
	}

	/** Which of these have flows, and our own, which comes first. */
	#active(inodes: Iterable<number>): number[] {
		const home = this.#homeCount();
		if (home === null) return [];
		const others = [...new Set(inodes)].filter((inode) => inode !== this.#home);
		const active = others.filter((inode) => {
			let count: number | null = 0;
			this.#enter(inode, () => {
				count = sysctl(CONNTRACK_COUNT);
			});
			return (count ?? 0) > 0;
		});
		return home > 0 ? [this.#home, ...active] : active;
	}

	#enter(inode: number, act: () => void): void {
		const path = inode === this.#home ? OWN_NETWORK_NAMESPACE : this.#pathOf(inode);
		if (path !== null) visitNetns(path, act);
	}

	/** The process that it was found by may have gone, and its number may be another's. */
	#pathOf(inode: number): string | null {
		const known = this.#paths.get(inode);
		if (known !== undefined && netnsInode(known) === inode) return known;
		const now = performance.now();
		if (now - this.#scannedAt < SCAN_MS) return null;
		this.#scannedAt = now;
		this.#paths = networkNamespaces();
		return this.#paths.get(inode) ?? null;
	}
}

const UNKNOWN = [PermissionError, UnsupportedError, LibbpfError] as const;

function otherView(tuple: Tuple, { original, reply }: CtFlow): Translation {
	return isSame(tuple, original) ? reversed(endsOf(reply)) : endsOf(original);
}

function isSame(a: Tuple, b: Tuple): boolean {
	if (a.sourcePort !== b.sourcePort || a.destinationPort !== b.destinationPort) return false;
	for (let i = 0; i < a.source.length; i++)
		if (a.source[i] !== b.source[i] || a.destination[i] !== b.destination[i]) return false;
	return true;
}
