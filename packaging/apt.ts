/**
 * Packages of any Debian suite, by an apt with a configuration, lists and cache of its own: what is
 * installed on the host, and where it gets it from, stays as it is. Signatures are checked.
 */

import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./shell.ts";

export interface Package {
	readonly name: string;
	readonly version: string;
	/** Names alone. */
	readonly depends: readonly string[];
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const REFRESH_AFTER_MS = 24 * 3_600_000;

/** Where the host gets Debian from; the archive's own address where it does not say. */
function mirror(isSecurity: boolean): string {
	const format = ["--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"];
	const found = run(["apt-get", "indextargets", ...format])
		.split("\n")
		.map((line) => line.split(" "))
		.find(([release = "", uri = ""]) =>
			isSecurity ? release.endsWith("-security") : uri.endsWith("/debian/"),
		);
	return found?.[1] ?? `http://deb.debian.org/debian${isSecurity ? "-security" : ""}/`;
}

/** Proxies, time limits and the like; not what makes apt download more than packages. */
function hostSettings(): string {
	const lines = run(["apt-config", "dump", "Acquire"]).split("\n");
	return lines.filter((line) => !line.startsWith("Acquire::IndexTargets")).join("\n");
}

/** The value of a field of a package's record. */
function field(record: string, name: string): string {
	return new RegExp(`^${name}: (.*)$`, "m").exec(record)?.[1] ?? "";
}

export function parsePackage(record: string): Package {
	const depends = field(record, "Depends")
		.split(/[,|]/)
		.flatMap((each) => /^\s*([^\s:(]+)/.exec(each)?.[1] ?? []);
	return { name: field(record, "Package"), version: field(record, "Version"), depends };
}

function isNewer(a: string, b: string): boolean {
	return Bun.spawnSync(["dpkg", "--compare-versions", a, "gt", b]).success;
}

export type Architecture = "amd64" | "arm64";

export interface SuiteOptions {
	/** "amd64" unless told. */
	readonly architecture?: Architecture;
	/** Source packages, too. */
	readonly hasSources?: boolean;
}

/** Packages of one architecture. */
export class Suite {
	readonly #names: readonly string[];
	readonly #architecture: Architecture;
	readonly #hasSources: boolean;
	readonly #directory: string;

	/**
	 * `cache` keeps a directory for each suite and architecture. Of several suites, separated by
	 * spaces, a package is of the one that has its highest version.
	 */
	constructor(names: string, cache: string, options: SuiteOptions = {}) {
		const { architecture = "amd64", hasSources = false } = options;
		this.#names = names.split(" ");
		this.#architecture = architecture;
		this.#hasSources = hasSources;
		const name = this.#names.join("+") + (hasSources ? "-sources" : "");
		this.#directory = join(
			cache,
			"apt",
			architecture === "amd64" ? name : `${name}-${architecture}`,
		);
	}

	get #env(): Record<string, string> {
		return { APT_CONFIG: join(this.#directory, "apt.conf") };
	}

	#configure(): void {
		const directory = this.#directory;
		for (const name of ["lists/partial", "cache/archives/partial"])
			mkdirSync(join(directory, name), { recursive: true });
		const lines = this.#names.flatMap((name) => {
			const rest = `${mirror(name.endsWith("-security"))} ${name} main\n`;
			const signed = `signed-by=${KEYRING}`;
			return [
				`deb [arch=${this.#architecture} ${signed}] ${rest}`,
				...(this.#hasSources ? [`deb-src [${signed}] ${rest}`] : []),
			];
		});
		writeFileSync(join(directory, "sources.list"), lines.join(""));
		writeFileSync(join(directory, "status"), "");
		const config = `${hostSettings()}
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::SourceList "${directory}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "${directory}";
Dir::State::Lists "${directory}/lists";
Dir::State::Status "${directory}/status";
Dir::Cache "${directory}/cache";
APT::Architecture "${this.#architecture}";
APT::Architectures { "${this.#architecture}"; };
APT::Sandbox::User "root";
`;
		writeFileSync(join(directory, "apt.conf"), config);
	}

	/** Gets the lists of packages, at most once a day. */
	refresh(): void {
		const stamp = join(this.#directory, "refreshed");
		if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < REFRESH_AFTER_MS) return;
		this.#configure();
		run(["apt-get", "-q", "update", "--error-on=any"], { env: this.#env });
		writeFileSync(stamp, "");
	}

	/** @throws where the suite has none of this name */
	find(name: string): Package {
		const show = ["apt-cache", "show", "--no-all-versions", name];
		return parsePackage(run(show, { env: this.#env }));
	}

	/** The package and what it depends on, as far as the names match, all the way. */
	closure(name: string, names: RegExp): Package[] {
		const found = new Map<string, Package>();
		const visit = (next: string): void => {
			if (found.has(next)) return;
			const it = this.find(next);
			found.set(next, it);
			for (const other of it.depends) if (names.test(other)) visit(other);
		};
		visit(name);
		return [...found.values()];
	}

	/** Leaves the .deb files in a directory. */
	download(packages: readonly Package[], directory: string): void {
		const wanted = packages.map(({ name, version }) => `${name}=${version}`);
		run(["apt-get", "-q", "download", ...wanted], { cwd: directory, env: this.#env });
	}

	/** @throws where the suite has no sources of this name */
	sourceVersion(name: string): string {
		const show = ["apt-cache", "showsrc", "--only-source", name];
		const records = run(show, { env: this.#env }).split(/\n\n+/);
		const versions = records.map((record) => field(record, "Version")).filter(Boolean);
		const newest = versions.reduce((a, b) => (isNewer(b, a) ? b : a), "");
		if (newest === "") throw new Error(`${this.#names.join(", ")}: no sources of ${name}`);
		return newest;
	}

	/** Leaves the .dsc file, and what it names, in a directory. */
	downloadSource(name: string, version: string, directory: string): void {
		const wanted = ["--download-only", "--only-source", `${name}=${version}`];
		run(["apt-get", "-q", "source", ...wanted], { cwd: directory, env: this.#env });
	}

	/** What apt would install on an empty machine for these: all that they need, too. */
	solve(names: readonly string[]): Package[] {
		const options = ["--no-install-recommends", "-o", "Dpkg::Use-Pty=0"];
		const plan = run(["apt-get", "-q", "-s", ...options, "install", ...names], { env: this.#env });
		return [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)].map(([, name = "", version = ""]) => ({
			name: name.replace(/:.*/, ""),
			version,
			depends: [],
		}));
	}
}

/** The files of a package, below a directory. */
export function unpack(deb: string, directory: string, options: readonly string[] = []): void {
	const tar = ["tar", "-x", "--no-same-owner", "--keep-directory-symlink", ...options];
	const script = 'deb=$1; shift; dpkg-deb --fsys-tarfile "$deb" | "$@"';
	run(["sh", "-ec", script, "sh", deb, ...tar, "-C", directory]);
}
