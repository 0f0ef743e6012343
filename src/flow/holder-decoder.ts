/** From `struct holder`, in place, to who listens and who has which connection. */

import { readU64 } from "../maps/codec.ts";
import { holder, owner } from "../maps/structs.ts";
import type { Holders, ListenerHolder, OwnerFields } from "./acceptors.ts";
import { attributionName } from "./kernel-names.ts";
import { RecordTexts } from "./record-texts.ts";
import type { ContainerOf } from "./records.ts";

const at = {
	...holder.offsets,
	pid: holder.offsets.owner + owner.offsets.pid,
	tid: holder.offsets.owner + owner.offsets.tid,
	uid: holder.offsets.owner + owner.offsets.uid,
	cgroupId: holder.offsets.owner + owner.offsets.cgroup_id,
	attribution: holder.offsets.owner + owner.offsets.attribution,
	comm: holder.offsets.owner + owner.offsets.comm,
	started: holder.offsets.owner + owner.offsets.started,
	cgroupV1: holder.offsets.owner + owner.offsets.cgroup_v1,
} as const;

/** What the kernel's numbers are called. */
export interface HolderNames {
	readonly containerOf: ContainerOf;
	readonly processOf: (
		pid: number,
		name: string | null,
		started: number,
	) => { readonly executable: string | null; readonly commandLine: string | null };
}

/** Takes in what one look finds. */
export class HolderDecoder implements Holders {
	readonly listeners: ListenerHolder[] = [];
	readonly connections = new Map<string, OwnerFields>();
	/** Of all records. */
	readonly pids = new Set<number>();
	readonly #names: HolderNames;
	readonly #texts = new RecordTexts();
	/** Ids of connections that several processes hold: who of them accepted it is not known. */
	readonly #several = new Set<string>();

	constructor(names: HolderNames) {
		this.#names = names;
	}

	/** Whole records. */
	add(records: DataView): void {
		for (let place = 0; place < records.byteLength; place += holder.size)
			this.#addOne(records, place);
	}

	#addOne(view: DataView, place: number): void {
		const pid = view.getUint32(place + at.pid, true);
		this.pids.add(pid);
		const id = readU64(view, place + at.id);
		if (id === 0)
			this.listeners.push({
				netns: view.getUint32(place + at.netns, true),
				port: view.getUint16(place + at.port, true),
				listenerPid: view.getUint32(place + at.listener_pid, true),
				pid,
			});
		else this.#addConnection(view, place, String(id), pid);
	}

	#addConnection(view: DataView, place: number, id: string, pid: number): void {
		const known = this.connections.get(id);
		if (this.#several.has(id) || known?.pid === pid) return;
		if (known === undefined) this.connections.set(id, this.#owner(view, place, pid));
		else {
			this.connections.delete(id);
			this.#several.add(id);
		}
	}

	#owner(view: DataView, place: number, pid: number): OwnerFields {
		const process = this.#texts.process(view, place + at.comm);
		const cgroup_id = this.#texts.cgroup(view, place + at.cgroupId);
		const word = (field: number): number => view.getUint32(place + field, true);
		const details = this.#names.processOf(pid, process, word(at.started));
		return {
			...{ pid, tid: word(at.tid), process },
			executable: details.executable,
			command_line: details.commandLine,
			...{ uid: word(at.uid), cgroup_id },
			container_id:
				cgroup_id === null ? null : this.#names.containerOf(cgroup_id, word(at.cgroupV1)),
			attribution: attributionName(word(at.attribution)),
		};
	}
}
