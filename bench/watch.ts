/** A `watch` to measure beside. */

import { BINARY } from "./start.ts";

/** `watch` as a user would run it into a pipe that nobody reads for long. */
export async function startWatch(...args: readonly string[]): Promise<Bun.Subprocess> {
	const command = [BINARY, "watch", "--json", ...args];
	const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
	const reader = child.stdout.getReader();
	await reader.read();
	const drain = async (): Promise<void> => {
		while (!(await reader.read()).done);
	};
	void drain();
	return child;
}

export async function stopWatch(child: Bun.Subprocess): Promise<void> {
	child.kill("SIGINT");
	await child.exited;
}
