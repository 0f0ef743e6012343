import { expect } from "bun:test";
import { loads } from "../../bench/loads.ts";
import { comparisonSection } from "../../bench/results.ts";
import { compare } from "../../bench/rounds.ts";
import type { Subject } from "../../bench/subjects.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch } from "../support/service.ts";

const subject = (name: string, script: string): Subject => ({
	...{ name, command: ["sh", "-c", script], loads: ["connect"], isReady: () => false },
	recorded: () => ({ records: null, lost: null }),
});

kernelTest(
	"a subject of the bench that ends at once is among the results, with its last word",
	async () => {
		using scratch = new Scratch();
		const subjects = [
			subject("loud", "echo first >&2; echo 'no tracefs | here' >&2; exit 1"),
			subject("underlined", "printf 'ERROR: no such\\nprobe\\n~~~~\\n' >&2; exit 1"),
			subject("silent", "exit 0"),
		];
		const { connect } = loads(0.005);
		const result = await compare(connect, subjects, 1, Math.random, scratch.path);
		const { text, plot } = comparisonSection("connect", result);
		expect(text).toContain("| loud (ended at once: no tracefs \\| here) |");
		expect(text).toContain("| underlined (ended at once: ERROR: no such) |");
		expect(text).toContain("| silent (ended at once: without a word) |");
		expect(plot?.svg).not.toContain("NaN");
		expect(result.rates).toHaveLength(3);
	},
);
