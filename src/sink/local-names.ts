/** Columns of names that only this machine has for numbers in a record: tables and CSV alone have them. */

import type { Direction, Transport } from "../flow/records.ts";
import { type Column, type ColumnShape, textColumn } from "./column.ts";

/** Null: it has none. */
export interface LocalNames {
	userOf(uid: number): string | null;
	/** @param cgroupId in decimal */
	unitOf(cgroupId: string): string | null;
	serviceOf(port: number, transport: Transport): string | null;
}

export const NO_NAMES: LocalNames = {
	userOf: () => null,
	unitOf: () => null,
	serviceOf: () => null,
};

/** What tells which columns there are. */
export interface ColumnChoice {
	/** Null: those that suit the format. */
	readonly columns: readonly string[] | null;
	readonly format: "terminal" | "plain" | "csv";
	readonly wide: boolean;
	readonly names?: LocalNames | undefined;
}

interface Owned {
	readonly uid: number | null;
	readonly cgroup_id: string | null;
}

/** What of a row tells which side of it listens. */
interface Sided {
	readonly transport: Transport;
	readonly direction: Direction;
	readonly local_port: number | null;
	readonly remote_address: string | null;
	readonly remote_port: number | null;
}

/** What tables of processes have where there is room. */
export const OWNER_NAMES = ["user", "unit"];
/** And those of connections. */
export const LOCAL_NAMES = [...OWNER_NAMES, "service"];
/** On many machines these say nothing: a table shows them where they do, or where they are asked for. */
const OPTIONAL = ["container_id", ...LOCAL_NAMES];

export const isOptional = ({ name }: ColumnShape): boolean => OPTIONAL.includes(name);

export function ownerNameColumns(names: LocalNames): Column<Owned>[] {
	const user = ({ uid }: Owned) => (uid === null ? null : names.userOf(uid));
	const unit = ({ cgroup_id: id }: Owned) => (id === null ? null : names.unitOf(id));
	return [
		textColumn("user", "USER", user, { maxWidth: 16, usualWidth: 10, importance: 1.5 }),
		textColumn("unit", "UNIT", unit, { maxWidth: 32, usualWidth: 20, importance: 1.4 }),
	];
}

/** By the port of the side that listens. */
export function serviceColumn<Row extends Pick<Sided, "transport">>(
	names: LocalNames,
	listenPort: (row: Row) => number | null,
): Column<Row> {
	const service = (row: Row): string | null => {
		const port = listenPort(row);
		return port === null ? null : names.serviceOf(port, row.transport);
	};
	return textColumn("service", "SERVICE", service, {
		maxWidth: 16,
		usualWidth: 10,
		importance: 1.3,
	});
}

/** Null where it is not known which side listens. A socket without a peer listens, or might. */
export function listenPortOf({ direction, ...ends }: Sided): number | null {
	if (direction === "active") return ends.remote_port;
	return direction === "passive" || ends.remote_address === null ? ends.local_port : null;
}
