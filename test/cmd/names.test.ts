import { describe, expect, test } from "bun:test";
import { runEvents } from "./events-harness.ts";
import { batch, flow, run, ScriptedTracer } from "./harness.ts";

/** What the tracer is told of names by a command line that is right. */
async function told(line: string, env: Readonly<Record<string, string>> = {}) {
	const words = line.split(" ");
	if (words[0] === "events") return (await runEvents(words.slice(1), { env })).opened?.dns;
	return (await run(words, { env })).opened[0]?.dns;
}

const PORT_53 = [{ first: 53, last: 53 }];

describe("names of remote addresses", () => {
	for (const command of ["events", "watch", "top"]) {
		test(`${command} asks for them with --dns, in the namespaces that are wanted`, async () => {
			expect(await told(command)).toBe(null);
			expect(await told(`${command} --dns-port 5353`)).toBe(null);
			expect(await told(`${command} --dns`)).toEqual({ ports: PORT_53, netns: [] });
			expect(await told(command, { CONNTRACER_DNS: "1" })).toEqual({ ports: PORT_53, netns: [] });
			const line = `${command} --dns --dns-port 53,8053-8060 --netns 4026531840`;
			expect(await told(line)).toEqual({
				ports: [...PORT_53, { first: 8053, last: 8060 }],
				netns: [4026531840],
			});
		});

		test(`${command} says what is no port`, async () => {
			for (const dns of ["", "--dns "]) {
				const { code, stderr } = await run(`${command} ${dns}--dns-port x`.split(" "));
				expect({ code, stderr }).toMatchObject({
					...{ code: 2, stderr: expect.stringContaining('--dns-port "x"') },
				});
			}
		});
	}

	test("list has none, and says why", async () => {
		const { code, stderr } = await run(["list", "--dns"]);
		expect({ code, stderr }).toEqual({
			code: 2,
			stderr:
				"conntracer: --dns is not an option of conntracer list (a list is over before it could hear what a name is; watch and events have --dns)\n",
		});
	});
});

describe("a table of flows", () => {
	const names = ["a.example", `${"long.".repeat(30)}example`, "\u001b[31mred\n", null];
	const flows = names.map((remote_name, index) =>
		flow({ remote_name, remote_address: `2001:db8:85a3:8d3:1319:8a2e:370:${index}` }),
	);
	const open = () => new ScriptedTracer([batch(flows)]);

	for (const command of ["watch", "top --by connection"])
		test(`of ${command} has them, and fits a terminal of 80 columns`, async () => {
			const words = [...command.split(" "), "--dns", "-n", "1"];
			const { stdout } = await run(words, { isTerminal: true, openFlowTracer: open });
			const escapes = new RegExp(`${String.fromCharCode(27)}\\[[\\d;?]*[A-Za-z]`, "g");
			const lines = stdout.replace(escapes, "").split("\n");
			expect(lines.some((line) => / NAME /.test(line))).toBe(true);
			for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
			expect(stdout).toContain("a.example");
			expect(stdout).not.toContain("\u001b[31mred");
			const without = await run(
				words.filter((word) => word !== "--dns"),
				{
					...{ isTerminal: true, openFlowTracer: open },
				},
			);
			expect(without.stdout).not.toContain("NAME");
		});

	test("has them in a pipe as well, and wherever --columns names them", async () => {
		const shown = async (...words: string[]): Promise<string> =>
			(await run(["watch", "-n", "1", ...words], { openFlowTracer: open })).stdout;
		expect(await shown("--dns")).toContain("a.example");
		expect(await shown()).not.toContain("a.example");
		expect(await shown("--columns", "name")).toStartWith("NAME");
		expect(await shown("--columns", "remote_name", "-o", "csv")).toStartWith("remote_name\n");
	});
});
