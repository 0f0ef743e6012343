/** What the path of a cgroup says: which container it is of, and which unit of systemd. */

/**
 * Every runtime gives a container a cgroup named after its id, 64 hexadecimal digits: bare with the
 * cgroupfs driver, between a prefix and ".scope" with the systemd one. What watches over a container
 * (libpod-conmon-…, crio-conmon-…) is not in it.
 */
const CONTAINER =
	/^(?:.*:)?(?:(?:docker|cri-containerd|crio|libpod|libpod-payload|nerdctl)[-:])?([0-9a-f]{64})(?:\.scope)?$/;
/** Of LXC and its like, which call a container by a name. Not lxc.monitor.…, which watches over it. */
const LXC = /^lxc\.payload\.(.+)$/;
/** Of systemd-nspawn; virtual machines are in scopes of this name, too, but have no "payload". */
const NSPAWN = /^(?:machine-(.+)\.scope|systemd-nspawn@(.+)\.service)$/;
/** Anybody who may make cgroups may call one anything. */
const HARMLESS = /^[\w.-]{1,255}$/;

const SLICE = /^[\w:.\\@-]{1,249}\.slice$/;
const UNIT = /^[\w:.\\@-]{1,247}(?<!@)\.(?:service|scope|socket|mount|swap)$/;
const USER_MANAGER = /^user@\d+\.service$/;

/** The innermost container that a cgroup is in: its id, or its name where it has no other. Null: none. */
export function containerIdOf(path: string): string | null {
	const names = path.split("/");
	for (let at = names.length - 1; at >= 0; at--) {
		const id = CONTAINER.exec(names[at] ?? "")?.[1] ?? machineAt(names, at);
		if (id !== null) return id;
	}
	return null;
}

function machineAt(names: readonly string[], at: number): string | null {
	const name = names[at] ?? "";
	const [, scope, service] = (names[at + 1] === "payload" && NSPAWN.exec(name)) || [];
	// Proxmox, and LXC on cgroup v1: "/lxc/NAME".
	const isBelowLxc = at === 2 && names[1] === "lxc";
	const machine = LXC.exec(name)?.[1] ?? scope ?? service ?? (isBelowLxc ? name : "");
	const plain = unescaped(machine);
	return HARMLESS.test(plain) ? plain : null;
}

/** systemd-escape(1): "\x2d" is "-". */
function unescaped(name: string): string {
	return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
		String.fromCharCode(Number.parseInt(hex, 16)),
	);
}

/**
 * The unit of this machine's systemd that a cgroup belongs to, "nginx.service"; below the manager of
 * a user the unit of that. Null: it is in none.
 */
export function unitOf(path: string): string | null {
	const names = path.split("/").filter((name) => name !== "");
	const system = unitAfterSlices(names, 0);
	if (system === null || !USER_MANAGER.test(system.unit)) return system?.unit ?? null;
	return unitAfterSlices(names, system.next)?.unit ?? system.unit;
}

function unitAfterSlices(
	names: readonly string[],
	from: number,
): { readonly unit: string; readonly next: number } | null {
	let at = from;
	while (SLICE.test(names[at] ?? "")) at++;
	// Names that the kernel has for itself, such as cpu.service, have this in front.
	const unit = (names[at] ?? "").replace(/^_/, "");
	return UNIT.test(unit) ? { unit, next: at + 1 } : null;
}
