import { describe, expect, test } from "bun:test";
import { compileFilter } from "../../src/flow/filter.ts";
import { SwitchableFilter } from "../../src/flow/switchable-filter.ts";
import { FILTER_SUBJECT } from "../cmd/harness.ts";

const curl = compileFilter({ processes: ["curl"] });
const sshd = compileFilter({ processes: ["sshd"] });
const web = compileFilter({ remotePorts: ["443"] });
const webOfCurl = compileFilter({ remotePorts: ["443"], processes: ["curl"] });
const ssh = compileFilter({ remotePorts: ["22"] });

test("what matches is what the filter of that moment lets through", () => {
	const filter = new SwitchableFilter(curl);
	const isShown = (): boolean => filter.matches({ ...FILTER_SUBJECT, process: "curl" });
	expect(isShown()).toBe(true);
	filter.switchTo(sshd);
	expect(isShown()).toBe(false);
	expect(filter.isOpen).toBe(false);
	filter.switchTo(null);
	expect(isShown()).toBe(true);
	expect(filter.isOpen).toBe(true);
});

describe("the kernel's part is that of the first one, so that another filter", () => {
	for (const [what, first, next, can] of [
		["can be any where nothing was filtered", null, web, true],
		["can be any where user space alone filtered", curl, web, true],
		["can be none where user space alone filtered", curl, null, true],
		["can be one with the same part of the kernel's", web, webOfCurl, true],
		["cannot be none where the kernel drops", web, null, false],
		["cannot be one of ports that the kernel drops", web, ssh, false],
		["cannot be one without the kernel's part", webOfCurl, curl, false],
	] as const)
		test(what, () => {
			const filter = new SwitchableFilter(first);
			expect(filter.canBe(next)).toBe(can);
			expect(filter.kernel.is_set).toBe(first === null ? 0 : first.kernel.is_set);
		});
});
