/** Programs of the host. */

export interface RunOptions {
	readonly cwd?: string;
	readonly env?: Readonly<Record<string, string>>;
}

/**
 * Its standard output.
 * @throws with all that it said if it fails
 */
export function run(command: readonly string[], { cwd, env }: RunOptions = {}): string {
	const child = Bun.spawnSync([...command], {
		...(cwd === undefined ? {} : { cwd }),
		env: { ...process.env, LC_ALL: "C", ...env },
	});
	if (!child.success)
		throw new Error(`${command.join(" ")}: failed\n${child.stdout}${child.stderr}`);
	return child.stdout.toString();
}

/** One line on standard error, for those who wait. */
export function say(text: string): void {
	process.stderr.write(`dev: ${text}\n`);
}
