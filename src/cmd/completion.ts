/** `conntracer completion`: scripts for shells, and the words that those scripts ask for. */

import { basename } from "node:path";
import { UsageError } from "../errors.ts";
import { type Command, type Context, defineCommand } from "./command.ts";
import { longName, type Option } from "./option.ts";
import { EXIT_DONE } from "./report-error.ts";

const BASH = `# source <(conntracer completion bash)
_conntracer() {
	mapfile -t COMPREPLY < <(conntracer completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _conntracer conntracer
`;

const ZSH = `#compdef conntracer
# source <(conntracer completion zsh)
_conntracer() {
	local -a found
	found=("\${(@f)$(conntracer completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _conntracer conntracer
`;

const SCRIPTS = { bash: BASH, zsh: ZSH } as const;

/** @param others what else can be completed; the first one is the default */
export function completionOf(others: readonly Command[]): Command {
	const command = defineCommand({
		name: "completion",
		describe: "print a completion script for bash or zsh",
		options: {},
		positional: { name: "shell", describe: "default: by $SHELL", choices: ["bash", "zsh"] },
		examples: [{ line: "source <(conntracer completion bash)", describe: "in ~/.bashrc" }],
		handler(_, { stdout, env }: Context, [shell, ...words]) {
			const { SHELL = "" } = env;
			const text =
				shell === "words"
					? complete(words, [...others, command])
							.map((word) => `${word}\n`)
							.join("")
					: scriptFor(shell ?? (basename(SHELL) === "zsh" ? "zsh" : "bash"));
			stdout.write(text);
			return EXIT_DONE;
		},
	});
	return command;
}

function scriptFor(shell: string): string {
	if (shell === "bash" || shell === "zsh") return SCRIPTS[shell];
	throw new UsageError(
		`there is no completion for ${JSON.stringify(shell)}`,
		"write conntracer completion bash, or zsh",
	);
}

/**
 * What the last word may become.
 *
 * @param words what has been typed behind "conntracer"; the last one may be empty
 * @param commands the first one is the default
 */
function complete(words: readonly string[], commands: readonly Command[]): string[] {
	const typed = words.at(-1) ?? "";
	const command = commands.find(({ name }) => words.slice(0, -1).includes(name));
	const options = Object.entries((command ?? commands[0])?.options ?? {});
	const before = options.find(([name, option]) => isNameOf(words.at(-2), name, option))?.[1];
	if (before !== undefined && !before.isFlag) return startingWith(typed, before.choices);
	if (typed.startsWith("-")) {
		return startingWith(typed, [...options.map(([name]) => `--${longName(name)}`), "--help"]);
	}
	const names = commands.map(({ name }) => name);
	return startingWith(typed, command === undefined ? names : (command.positional?.choices ?? []));
}

function isNameOf(word: string | undefined, name: string, { short }: Option<unknown>): boolean {
	return word === `--${longName(name)}` || (short !== undefined && word === `-${short}`);
}

function startingWith(typed: string, words: readonly string[]): string[] {
	return words.filter((word) => word.startsWith(typed));
}
