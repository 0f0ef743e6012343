/** What is open now: sockets of all network namespaces, with the programs that hold them. */

import { containerLookup } from "../enrich/cgroups.ts";
import { Processes } from "../enrich/processes.ts";
import { hasUdpSockets, networkNamespaces } from "../enrich/procfs.ts";
import type { BpfIterator } from "../ffi/iterator.ts";
import { Libbpf } from "../ffi/library.ts";
import { OpenObject } from "../ffi/object.ts";
import { ConnectionDecoder, type ConnectionRecord } from "../flow/connection.ts";
import type { FlowFilter } from "../flow/filter.ts";
import type { NatTable } from "../flow/nat-table.ts";
import type { ContainerOf, Transport } from "../flow/records.ts";
import { SocketTable } from "../flow/socket-table.ts";
import { listSettings } from "../maps/structs.ts";
import { bundledLibraries, listObject } from "./assets.ts";
import { setHost } from "./kernel-set-up.ts";
import { visitNetns } from "./netns.ts";
import { explainRefusal, openOptions, requireKernelTypes } from "./refusal.ts";
import { FOR_TRACING } from "./rights.ts";
import { Translations } from "./translations.ts";

/** What a list can be told. */
export interface ConnectionListOptions {
	/** Null: both. What is left out is not looked for. Default null. */
	readonly transport: Transport | null;
	/** Sockets without a peer as well, those that listen and those of UDP that are bound only. Default false. */
	readonly listening: boolean;
	/** A socket is shown if it matches for any program that holds it. Default null: all are. */
	readonly filter: FlowFilter | null;
	/** Kernel types, where /sys/kernel/btf/vmlinux will not do. Default null. */
	readonly btfPath: string | null;
	/** A libbpf to use in place of the system's or ours. Default null. */
	readonly libbpfPath: string | null;
	/** Id of a cgroup → container id, or null. By default the mounted cgroups are looked at. */
	readonly containerOf: ContainerOf;
}

const DEFAULTS: Omit<ConnectionListOptions, "containerOf"> = {
	transport: null,
	listening: false,
	filter: null,
	btfPath: null,
	libbpfPath: null,
};

/**
 * Every TCP and UDP socket with a peer, TIME_WAIT aside, in all network namespaces. The look is over
 * when this returns, and nothing of it is left in the kernel; the records are made one by one.
 *
 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError
 */
export function listConnections(
	partial: Partial<ConnectionListOptions> = {},
): Generator<ConnectionRecord, void, undefined> {
	const options = { ...DEFAULTS, containerOf: containerLookup(), ...partial };
	const sockets = findSockets(options);
	return records(sockets, options);
}

function* records(
	sockets: SocketTable,
	{ filter, containerOf }: ConnectionListOptions,
): Generator<ConnectionRecord, void, undefined> {
	const processes = new Processes();
	const processOf = (pid: number, started: number) => processes.detailsOf(pid, null, started);
	const namespaces = networkNamespaces();
	using translations = new Translations(namespaces);
	const nat = translations.table(namespaces.keys());
	const decoder = new ConnectionDecoder(sockets.view, { containerOf, processOf });
	for (const places of sockets.sockets())
		if (filter === null || places.some((place) => filter.matches(decoder.subject(place))))
			yield withNat(decoder.decode(places), nat);
}

function withNat(record: ConnectionRecord, nat: NatTable): ConnectionRecord {
	const found = nat.find(record);
	return found === null ? record : { ...record, nat: found };
}

const WALKS: Readonly<Record<Transport, string>> = {
	tcp: "iter__list_tcp",
	udp: "iter__list_udp",
};

/**
 * Loads what a list takes, and looks at nothing.
 *
 * @throws as listConnections()
 */
export function tryList(options: Pick<ConnectionListOptions, "btfPath" | "libbpfPath">): void {
	withIterators({ ...DEFAULTS, ...options }, () => {});
}

function findSockets(options: ConnectionListOptions): SocketTable {
	return withIterators(options, scan);
}

interface Iterators {
	readonly files: BpfIterator;
	readonly walks: readonly { readonly transport: Transport; readonly walk: BpfIterator }[];
}

/** They are gone when `use` returns. */
function withIterators<T>(
	options: Omit<ConnectionListOptions, "containerOf">,
	use: (iterators: Iterators) => T,
): T {
	const { transport, listening, btfPath } = options;
	const libbpf = Libbpf.open(options.libbpfPath, bundledLibraries);
	const wanted: readonly Transport[] = transport === null ? ["tcp", "udp"] : [transport];
	requireKernelTypes(btfPath);
	const attempted = { what: "load the BPF programs", needed: FOR_TRACING, btfPath };
	return explainRefusal(attempted, () => {
		using open = OpenObject.open(libbpf, listObject(), openOptions("conntracer_list", btfPath));
		if (!wanted.includes("tcp")) open.leaveOut(WALKS.tcp);
		if (!wanted.includes("udp")) open.leaveOut(WALKS.udp);
		const [tcp, udp] = [Number(wanted.includes("tcp")), Number(wanted.includes("udp"))];
		const settings = listSettings.encode({ tcp, udp, without_peer: Number(listening) });
		open.setConstants(".rodata.settings", settings);
		setHost(open);
		return open.load((object) => {
			using owned = new DisposableStack();
			owned.use(object);
			const iterator = (name: string): BpfIterator =>
				owned.use(object.program(name).iterator(null));
			const files = iterator("iter__list_files");
			const walks = wanted.map((one) => ({ transport: one, walk: iterator(WALKS[one]) }));
			return use({ files, walks });
		});
	});
}

function scan({ files, walks }: Iterators): SocketTable {
	const table = new SocketTable();
	const take = (found: DataView): void => table.add(found);

	files.read(take);
	for (const path of networkNamespaces().values())
		visitNetns(path, () => {
			// Its table is that of all namespaces: the walk takes its time even where there is nothing.
			for (const { transport, walk } of walks)
				if (transport === "tcp" || hasUdpSockets()) walk.read(take);
		});
	// A connection that was opened in between has its program in a second look.
	if (table.hasUnclaimed()) files.read(take);
	table.joinMptcp();
	return table;
}
