import { describe, expect } from "bun:test";
import fc from "fast-check";
import { compileFilter, type FilterOptions } from "../../src/flow/filter.ts";
import { EXCLUSION_CASES } from "../flow/exclusion-cases.ts";
import { CASES, type CaseSubject, NO_OPTIONS, SUBJECT } from "../flow/filter-cases.ts";
import { kernelTest } from "../support/root.ts";
import { askKernel } from "../support/wanted.ts";

describe("the kernel's part of a filter", () => {
	for (const [options, changes, verdict] of [...CASES, ...EXCLUSION_CASES])
		kernelTest(`${JSON.stringify([options, changes])}: ${verdict}`, async () => {
			const filter = compileFilter({ ...NO_OPTIONS, ...options });
			const passes = askKernel(filter?.kernel ?? null, [{ ...SUBJECT, ...changes }]);
			expect(passes).toEqual([verdict !== "dropped"]);
		});

	kernelTest("of no options passes all", async () => {
		const subjects = CASES.map(([, changes]) => ({ ...SUBJECT, ...changes }));
		expect(new Set(askKernel(null, subjects))).toEqual(new Set([true]));
	});
});

/** Few values, so that what is asked for is often there. */
const PORT = fc.constantFrom(1, 7, 8, 22, 80, 443, 40_000, 65_535);
const PORT_TEXT = fc
	.record({ first: PORT, last: fc.option(PORT), isExcluded: fc.boolean() })
	.map(({ first, last, isExcluded }) => {
		const range = last === null ? `${first}` : `${Math.min(first, last)}-${Math.max(first, last)}`;
		return isExcluded ? `!${range}` : range;
	});
const few = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
	fc.oneof(fc.constant([]), fc.array(value, { maxLength: 3 }));
const small = fc.integer({ min: 0, max: 4 });
const smallText = small.map(String);
const perhaps = <T>(...values: T[]): fc.Arbitrary<T | null> =>
	fc.option(fc.constantFrom(...values), { freq: 1 });

const EXCLUSION = fc
	.tuple(
		fc.constantFrom("*", "10.0.0.0/8", "10.0.0.1", "2001:db8::1"),
		fc.constantFrom("", "tcp ", "udp "),
		PORT,
	)
	.map(([address, transport, port]) => `${address} ${transport}${port}`);

const OPTIONS: fc.Arbitrary<FilterOptions> = fc.record({
	pids: few(small),
	uids: few(small),
	processes: few(fc.constantFrom("curl", "wget")),
	cgroupIds: few(smallText),
	containers: fc.constant([]),
	netns: few(small),
	local: few(fc.constantFrom("10.0.0.0/8", "!10.0.0.1", "::/0")),
	remote: few(fc.constantFrom("10.0.0.0/8", "!10.0.0.1", "2001:db8::/32")),
	localPorts: few(PORT_TEXT),
	remotePorts: few(PORT_TEXT),
	ports: few(PORT_TEXT),
	excludeLocal: few(EXCLUSION),
	excludeRemote: few(EXCLUSION),
	family: perhaps("ipv4", "ipv6"),
	transport: perhaps("tcp", "udp"),
	direction: perhaps("active", "passive"),
});

const ENDS = fc.constantFrom<Pick<CaseSubject, "family" | "local_address" | "remote_address">[]>(
	{ family: "ipv4", local_address: "10.0.0.1", remote_address: "10.0.0.2" },
	{ family: "ipv4", local_address: "10.0.0.2", remote_address: "10.0.0.1" },
	{ family: "ipv6", local_address: "2001:db8::1", remote_address: "2001:db8::2" },
);
const OWNER = fc.oneof(
	fc.record({
		attribution: fc.constantFrom("task" as const, "listener" as const, "scan" as const),
		pid: fc.integer({ min: 1, max: 4 }),
		uid: small,
		process: fc.constantFrom("curl", "wget"),
		cgroup_id: fc.option(fc.integer({ min: 1, max: 4 }).map(String)),
	}),
	fc.constant({ attribution: null, pid: null, uid: null, process: null, cgroup_id: null }),
);
const KNOWN = fc
	.record({
		ends: ENDS,
		owner: OWNER,
		transport: fc.constantFrom("tcp" as const, "udp" as const),
		direction: fc.constantFrom("active" as const, "passive" as const, null),
		local_port: PORT,
		remote_port: PORT,
		netns: small,
	})
	.map(({ ends, owner, ...rest }) => ({ ...SUBJECT, ...rest, ...ends, ...owner }));

/** As it stands at the SYN, and where nothing but the netns is known. */
const earlier = (subject: CaseSubject): CaseSubject[] => [
	{ ...subject, local_port: null },
	{ ...subject, remote_port: null, remote_address: null },
	{ ...subject, local_port: null, remote_port: null, direction: null, attribution: null },
];

kernelTest("the kernel drops nothing that user space keeps, then or later", async () => {
	fc.assert(
		fc.property(OPTIONS, fc.array(KNOWN, { minLength: 20, maxLength: 20 }), (options, subjects) => {
			const filter = compileFilter(options);
			const asked = subjects.flatMap((subject) =>
				[subject, ...earlier(subject)].map((as) => ({ subject, as })),
			);
			const passes = askKernel(
				filter?.kernel ?? null,
				asked.map(({ as }) => as),
			);
			for (const [index, { subject }] of asked.entries())
				if (passes[index] === false) expect(filter?.matches(subject)).toBe(false);
		}),
		{ numRuns: 100 },
	);
});
