/** A process that resolves names and connects, as it is told on its standard input, a line of JSON each. */

import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import type { Call, Called } from "./names.ts";

/** By a real resolver, which asks over TCP where an answer is truncated. */
async function addressOf({ name, type, server }: Call["resolve"] & {}): Promise<string> {
	const resolver = new Resolver({ timeout: 1000, tries: 1 });
	resolver.setServers([server]);
	const found = await (type === "A" ? resolver.resolve4(name) : resolver.resolve6(name));
	return found[0] ?? "";
}

function opened(host: string, port: number, holds: boolean): Promise<number> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host, port });
		socket.on("error", reject);
		socket.on("connect", () => {
			resolve(socket.localPort ?? 0);
			if (!holds) socket.destroy();
		});
	});
}

async function call({ resolve, address, port, holds = false }: Call): Promise<Called> {
	try {
		const to = address ?? (resolve === null ? "" : await addressOf(resolve));
		return { address: to, port: port === null ? 0 : await opened(to, port, holds), error: null };
	} catch (error) {
		return { address: "", port: 0, error: String(error) };
	}
}

for await (const line of console)
	process.stdout.write(`${JSON.stringify(await call(JSON.parse(line)))}\n`);
