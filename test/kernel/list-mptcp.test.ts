import { describe, expect } from "bun:test";
import { listed as list } from "../support/listing.ts";
import { LACKS_MPTCP } from "../support/mptcp.ts";
import { kernelTest } from "../support/root.ts";
import { Sockets } from "../support/sockets.ts";
import { ownPrograms } from "../support/traffic.ts";

const { client: NAME } = ownPrograms("lmp");
const BYTES = 4321;

/** Without the subflows, MPTCP would be no more than TCP here. */
function subflowsOf(port: number): string {
	return Bun.spawnSync(["ss", "-tnaiH", "sport", "=", `:${port}`]).stdout.toString();
}

describe.skipIf(LACKS_MPTCP)("an MPTCP connection (sysctl net.mptcp.enabled)", () => {
	for (const [address, family] of [
		["127.0.0.1", "ipv4"],
		["::1", "ipv6"],
	] as const)
		kernelTest(`over ${address} is listed once for each side`, async () => {
			await using program = await Sockets.open(NAME, ["mptcp", address, `${BYTES}`]);
			const { port: listening } = program.find("listener");
			const { port, fd } = program.find("client");
			expect(subflowsOf(port)).toContain("tcp-ulp-mptcp");
			const common = {
				...{ transport: "tcp", family, state: "ESTABLISHED", local_address: address },
				...{ remote_address: address, pid: program.pid, process: NAME, holders: [] },
			};
			const found = list("--process", NAME);
			expect(found.toSorted((a, b) => (a.fd ?? 0) - (b.fd ?? 0))).toMatchObject([
				{
					...{ ...common, direction: "active", local_port: port, remote_port: listening, fd },
					...{ bytes_sent: BYTES, bytes_received: 0 },
				},
				{
					...{ ...common, direction: "passive", local_port: listening, remote_port: port },
					...{ bytes_sent: 0, bytes_received: BYTES, fd: program.find("accepted").fd },
				},
			]);
			// Nor is it there again without an owner.
			expect(list("--port", `${listening}`).length).toBe(2);
			const listener = { state: "LISTEN", local_port: listening, pid: program.pid };
			expect(list("--listening", "--local-port", `${listening}`)).toContainEqual(
				expect.objectContaining({ ...listener, fd: program.find("listener").fd }),
			);
		});

	kernelTest("that several programs hold has all of them", async () => {
		await using program = await Sockets.open(NAME, ["mptcp", "127.0.0.1", "1", "fork", "pass"]);
		const [forked, passed] = program.children;
		const accepted = program.find("accepted").fd;
		const found = list("--local-port", `${program.find("listener").port}`);
		expect(found).toMatchObject([
			{
				...{ direction: "passive", pid: program.pid, fd: accepted },
				holders: [
					{ pid: forked?.pid, fd: accepted },
					{ pid: passed?.pid, fd: passed?.fd },
				],
			},
		]);
	});
});
