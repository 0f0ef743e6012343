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

export class Suite {
	readonly #name: string;
	readonly #directory: string;

	/** `cache` keeps a directory for each suite. */
	constructor(name: string, cache: string) {
		this.#name = name;
		this.#directory = join(cache, "apt", name);
	}

	get #env(): Record<string, string> {
		return { APT_CONFIG: join(this.#directory, "apt.conf") };
	}

	#configure(): void {
		const directory = this.#directory;
		for (const name of ["lists/partial", "cache/archives/partial"])
			mkdirSync(join(directory, name), { recursive: true });
		const uri = mirror(this.#name.endsWith("-security"));
		writeFileSync(
			join(directory, "sources.list"),
			`deb [arch=amd64 signed-by=${KEYRING}] ${uri} ${this.#name} main\n`,
		);
		writeFileSync(join(directory, "status"), "");
		const config = `${hostSettings()}
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::SourceList "${directory}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "${directory}";
Dir::State::Lists "${directory}/lists";
Dir::State::Status "${directory}/status";
Dir::Cache "${directory}/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
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
}
