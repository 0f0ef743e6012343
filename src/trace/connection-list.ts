/** What is open now: sockets of all network namespaces, with the programs that hold them. */

import { Processes } from "../enrich/processes.ts";
import { networkNamespaces } from "../enrich/procfs.ts";
import { UnsupportedError } from "../errors.ts";
import type { BpfIterator } from "../ffi/iterator.ts";
import { Libbpf } from "../ffi/library.ts";
import { type LoadedObject, OpenObject } from "../ffi/object.ts";
import { ConnectionDecoder, type ConnectionRecord } from "../flow/connection.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { SocketTable } from "../flow/socket-table.ts";
import { bundledLibraries, listObject } from "./assets.ts";
import { visitNetns } from "./netns.ts";
import { explainRefusal, requireKernelTypes } from "./refusal.ts";
import type { HookFamily } from "./session.ts";

export interface ConnectionListOptions {
	/** Sockets that listen as well; their `remote_address` is null. */
	readonly listening: boolean;
	/** A socket is shown if it matches for any program that holds it. */
	readonly filter: FlowFilter | null;
	/** Kernel types, where /sys/kernel/btf/vmlinux will not do. */
	readonly btfPath: string | null;
	/** A libbpf to use in place of the system's or ours. */
	readonly libbpfPath: string | null;
	readonly hooks: HookFamily;
	/** cgroup v2 id → container id, or null. */
	readonly containerOf: (cgroupId: string) => string | null;
}

/**
 * Every TCP socket with a peer, TIME_WAIT aside. The look is over when this returns; the records
 * are made one by one.
 *
 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError
 */
export function listConnections(
	options: ConnectionListOptions,
): Generator<ConnectionRecord, void, undefined> {
	if (options.hooks === "fentry" || options.hooks === "kprobe")
		throw new UnsupportedError(
			`--hooks ${options.hooks}`,
			null,
			"a list is made by iterators, without hooks",
			"leave --hooks out",
		);
	const sockets = findSockets(options);
	return records(sockets, options);
}

function* records(
	sockets: SocketTable,
	{ listening, filter, containerOf }: ConnectionListOptions,
): Generator<ConnectionRecord, void, undefined> {
	const processes = new Processes();
	const processOf = (pid: number) => processes.detailsOf(pid, null);
	const decoder = new ConnectionDecoder(sockets.view, { containerOf, processOf });
	for (const places of sockets.sockets()) {
		if (!listening && places.some((place) => decoder.isListener(place))) continue;
		if (filter === null || places.some((place) => filter.matches(decoder.subject(place))))
			yield decoder.decode(places);
	}
}

function findSockets({ btfPath, libbpfPath }: ConnectionListOptions): SocketTable {
	const libbpf = Libbpf.open(libbpfPath, bundledLibraries);
	requireKernelTypes();
	return explainRefusal("load the BPF programs", btfPath, () => {
		using open = OpenObject.open(libbpf, listObject(), { name: "conntracer_list", btfPath });
		return open.load(scan);
	});
}

function scan(object: LoadedObject): SocketTable {
	using owned = new DisposableStack();
	owned.use(object);
	const iterator = (name: string): BpfIterator => owned.use(object.program(name).iterator(null));
	const files = iterator("iter__list_files");
	const sockets = iterator("iter__list_sockets");
	const table = new SocketTable();
	const take = (found: DataView): void => table.add(found);

	files.read(take);
	for (const path of networkNamespaces().values()) visitNetns(path, () => sockets.read(take));
	// A connection that was opened in between has its program in a second look.
	if (table.hasUnclaimed()) files.read(take);
	return table;
}
