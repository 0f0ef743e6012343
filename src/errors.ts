/** Every way in which conntracer fails on purpose. src/main.ts turns them into text and an exit code. */

/** Which kind of failure it is. */
export type ErrorCode =
	| "libbpf"
	| "libbpf_missing"
	| "decode"
	| "layout"
	| "unsupported"
	| "permission"
	| "usage";

/** An expected failure: one line that says what, and a hint that says what to do. */
export abstract class ConntracerError extends Error {
	/** For programs; the command line has it in its JSON errors. */
	abstract readonly code: ErrorCode;
	/** What the reader can do about it; null where there is nothing to do. */
	readonly hint: string | null;

	constructor(message: string, hint: string | null, options?: ErrorOptions) {
		super(message, options);
		this.name = new.target.name;
		this.hint = hint;
	}
}

/** A BPF program of ours. */
export interface ProgramName {
	readonly name: string;
	/** Where it works, as libbpf names it: `tp_btf/inet_sock_set_state`. */
	readonly hook: string;
}

/** A libbpf call failed for a reason that we did not expect. */
export class LibbpfError extends ConntracerError {
	readonly code = "libbpf";
	/** What was tried. */
	readonly operation: string;
	/** Positive errno. */
	readonly errno: number;
	/** What libbpf and the verifier said during the call, shortened to what matters. */
	readonly log: string;
	/** The name of `errno`. */
	readonly errnoName: string;
	/** The one that was refused; null where none was, or it is not known. */
	readonly program: ProgramName | null;

	constructor(
		operation: string,
		errno: number,
		errnoName: string,
		log: string,
		program: ProgramName | null = null,
	) {
		super(`${operation}: ${errnoName}${log === "" ? "" : `: ${log}`}`, null);
		this.operation = operation;
		this.errno = errno;
		this.errnoName = errnoName;
		this.log = log;
		this.program = program;
	}
}

/** There is no libbpf, or none that is new enough. */
export class LibbpfMissingError extends ConntracerError {
	readonly code = "libbpf_missing";
}

/** Bytes that are not what their codec says. */
export class DecodeError extends ConntracerError {
	readonly code = "decode";

	constructor(message: string) {
		super(message, null);
	}
}

/** The kernel side and user space disagree about a struct: a build gone wrong. */
export class LayoutError extends ConntracerError {
	readonly code = "layout";

	constructor(message: string) {
		super(message, "rebuild: bun build.ts");
	}
}

/** This kernel, or this version, lacks something. */
export class UnsupportedError extends ConntracerError {
	readonly code = "unsupported";
	/** What is lacking. */
	readonly feature: string;
	/** The first kernel that has it; null where it is a matter of configuration. */
	readonly minimumKernel: string | null;

	constructor(
		feature: string,
		minimumKernel: string | null,
		why: string,
		remedy: string,
		options?: ErrorOptions,
	) {
		super(`${feature}: ${why}`, remedy, options);
		this.feature = feature;
		this.minimumKernel = minimumKernel;
	}
}

const LIST = new Intl.ListFormat("en-GB");

/** The kernel refuses something although no capability is missing. */
export interface Refusal {
	/** What, and by which errno. */
	readonly message: string;
	/** Why, as far as that can be known, and what to do. */
	readonly hint: string;
}

/** This user may not. */
export class PermissionError extends ConntracerError {
	readonly code = "permission";
	/** Those that are missing. Empty: none is, and the kernel refuses all the same. */
	readonly capabilities: readonly string[];

	constructor(
		what: string,
		capabilities: readonly string[],
		options: ErrorOptions & { readonly refusal?: Refusal } = {},
	) {
		const { refusal } = options;
		super(
			refusal?.message ?? `${what}: not permitted without ${LIST.format(capabilities)}`,
			refusal?.hint ?? "run it as root: sudo conntracer …; or give it what is missing",
			options,
		);
		this.capabilities = capabilities;
	}
}

/** What was asked for makes no sense. */
export class UsageError extends ConntracerError {
	readonly code = "usage";
}
