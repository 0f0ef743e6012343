/**
 * Sysctls of network namespaces that are set as long as somebody needs them. The last run puts back
 * what was there before; where that is killed, the next one does. What is borrowed is in a file.
 */

import {
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { processStart } from "../enrich/proc-pid.ts";
import { networkNamespaces, setSysctl, sysctl } from "../enrich/procfs.ts";
import { PermissionError } from "../errors.ts";
import { lockFile, netnsCookie } from "../ffi/libc.ts";
import { visitNetns } from "./netns.ts";
import { withRaisedRights } from "./raised-rights.ts";

const DIRECTORY = "/run/conntracer";
const STATE = `${DIRECTORY}/sysctls.json`;
const LOCK = `${DIRECTORY}/sysctls.lock`;

interface User {
	readonly pid: number;
	/** Ticks of CLOCK_BOOTTIME: numbers of processes are given again. */
	readonly started: number | null;
}

interface Loan {
	/** Inode number. */
	readonly netns: number;
	/** Numbers are given again, cookies are not; 0 before Linux 5.14. */
	readonly cookie: string;
	readonly name: string;
	readonly before: number;
	readonly now: number;
}

interface State {
	readonly users: readonly User[];
	readonly loans: readonly Loan[];
}

const NOTHING: State = { users: [], loans: [] };

export class BorrowedSysctls implements Disposable {
	readonly #user: User = { pid: process.pid, started: processStart(process.pid) };
	#isOver = false;

	/**
	 * Puts back what a run has left that was killed.
	 *
	 * @throws PermissionError
	 */
	static open(): BorrowedSysctls {
		allowed(() => mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 }));
		const borrowed = new BorrowedSysctls();
		change(({ users, loans }) => ({ users: [...users, borrowed.#user], loans }));
		return borrowed;
	}

	/** For a run that borrows nothing. What it may not put back stays for one that may. */
	static putBackOfTheDead(): void {
		if (!existsSync(STATE)) return;
		try {
			change((state) => state);
		} catch (error) {
			if (!(error instanceof PermissionError)) throw error;
		}
	}

	/**
	 * In the network namespace that the thread is in, until dispose(). Those that are not 0 are left.
	 *
	 * @throws PermissionError
	 */
	turnOn(netns: number, names: readonly string[]): void {
		const wanted = names.filter((name) => sysctl(name) === 0);
		if (wanted.length === 0) return;
		const cookie = String(netnsCookie());
		const loans = wanted.map((name) => ({ netns, cookie, name, before: 0, now: 1 }));
		change((state) => ({ users: state.users, loans: [...state.loans, ...loans] }));
		allowed(() =>
			withRaisedRights(() => {
				for (const name of wanted) setSysctl(name, 1);
			}),
		);
	}

	/** Idempotent. */
	[Symbol.dispose](): void {
		if (this.#isOver) return;
		this.#isOver = true;
		change(({ users, loans }) => {
			const at = users.findIndex(({ pid }) => pid === this.#user.pid);
			return { users: users.toSpliced(at, 1), loans };
		});
	}
}

/** Nobody else reads or writes it meanwhile; what nobody needs is put back. */
function change(to: (state: State) => State): void {
	allowed(() => {
		const fd = openSync(LOCK, "a", 0o600);
		try {
			lockFile(fd);
			const state = to(settled(load()));
			save(settled(state));
		} finally {
			closeSync(fd);
		}
	});
}

function settled({ users, loans }: State): State {
	const alive = users.filter(({ pid, started }) => processStart(pid) === started);
	if (alive.length > 0 || loans.length === 0) return { users: alive, loans };
	putBack(loans);
	return NOTHING;
}

function putBack(loans: readonly Loan[]): void {
	const paths = networkNamespaces();
	for (const [netns, its] of Map.groupBy(loans, (loan) => loan.netns)) {
		const path = paths.get(netns);
		if (path === undefined) continue;
		visitNetns(path, () => {
			const cookie = String(netnsCookie());
			// What somebody else has set since is theirs.
			for (const { name, before, now, cookie: of } of its)
				if (of === cookie && sysctl(name) === now) withRaisedRights(() => setSysctl(name, before));
		});
	}
}

/** What is no state of ours is none. */
function load(): State {
	try {
		return JSON.parse(readFileSync(STATE, "utf8"));
	} catch {
		return NOTHING;
	}
}

function save(state: State): void {
	if (state.users.length === 0) {
		rmSync(STATE, { force: true });
		return;
	}
	writeFileSync(`${STATE}.new`, JSON.stringify(state), { mode: 0o600 });
	renameSync(`${STATE}.new`, STATE);
}

function allowed(act: () => void): void {
	try {
		act();
	} catch (error) {
		const code = error instanceof Error && "code" in error ? error.code : null;
		if (code !== "EACCES" && code !== "EPERM") throw error;
		const needed = ["CAP_NET_ADMIN", "CAP_DAC_OVERRIDE"];
		throw new PermissionError(`--sysctl: set them, and write ${DIRECTORY}`, needed, {
			cause: error,
		});
	}
}
