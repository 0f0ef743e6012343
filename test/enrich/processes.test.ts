import { describe, expect, test } from "bun:test";
import type { ProcessDetails } from "../../src/enrich/proc-pid.ts";
import { Processes } from "../../src/enrich/processes.ts";

const GONE: ProcessDetails = { executable: null, commandLine: null };
const program = (name: string): ProcessDetails => ({
	executable: `/bin/${name}`,
	commandLine: name,
});

const START = 300;

class World {
	now = 0;
	looks = 0;
	/** Of each that runs. */
	start = START;
	readonly running = new Map<number, ProcessDetails>();
	readonly processes = (capacity: number): Processes =>
		new Processes({
			look: (pid) => {
				this.looks++;
				return this.running.get(pid) ?? GONE;
			},
			startOf: (pid) => (this.running.has(pid) ? this.start : null),
			now: () => this.now,
			capacity,
		});
}

test("a process is looked up once a second, and known after it has gone", () => {
	const world = new World();
	const processes = world.processes(10);
	world.running.set(7, program("curl"));
	for (world.now = 0; world.now < 1000; world.now += 100)
		expect(processes.detailsOf(7, "curl", START)).toEqual(program("curl"));
	expect(world.looks).toBe(1);
	world.running.delete(7);
	expect(processes.detailsOf(7, "curl", START)).toEqual(program("curl"));
	expect(world.looks).toBe(2);
});

test("another program under the same process id is another process", () => {
	const world = new World();
	const processes = world.processes(10);
	world.running.set(7, program("bash"));
	expect(processes.detailsOf(7, "bash", START)).toEqual(program("bash"));
	world.running.set(7, program("curl"));
	expect(processes.detailsOf(7, "curl", START)).toEqual(program("curl"));
});

test("a process that was gone before it was looked up is not known", () => {
	expect(new World().processes(10).detailsOf(7, "curl", START)).toEqual(GONE);
});

test("another process that has the same id and name now is not taken for it", () => {
	const world = new World();
	const processes = world.processes(10);
	world.running.set(7, program("curl"));
	world.start = START + 1;
	expect(processes.detailsOf(7, "curl", START)).toEqual(GONE);
	expect(processes.detailsOf(7, "curl", START + 1)).toEqual(program("curl"));
});

test("of a start the low 32 bits are compared", () => {
	const world = new World();
	world.running.set(7, program("curl"));
	world.start = 2 ** 32 + START;
	expect(world.processes(10).detailsOf(7, "curl", START)).toEqual(program("curl"));
});

test("memory is bounded", () => {
	const world = new World();
	const processes = world.processes(2);
	for (const pid of [1, 2, 3, 1]) processes.detailsOf(pid, "x", START);
	expect(world.looks).toBe(4);
});

describe("of a process whose image the kernel side has sent", () => {
	const TICKS = 500;
	const image = { id: 3, pid: 7, startedNs: TICKS * 1e7 + 1, executable: "/bin/curl" };
	const curl = { executable: "/bin/curl", commandLine: "curl -v" };
	const gone = { executable: "/bin/curl", commandLine: null };
	const tooLong = { ...image, executable: null };

	for (const [what, sent, running, ticks, expected] of [
		["/proc has the command line", image, curl, TICKS, curl],
		["nothing else is left when it is gone", image, GONE, null, gone],
		["another process has the same id now", image, curl, TICKS + 1, gone],
		["it has become another program since", image, program("bash"), TICKS, gone],
		["/proc has a path that was too long", tooLong, curl, TICKS, curl],
		["a path that was too long is lost with it", tooLong, curl, TICKS + 1, GONE],
	] as const)
		test(what, () => {
			const processes = new Processes({ look: () => running, startOf: () => ticks });
			processes.learn(sent);
			expect(processes.detailsOfImage(3)).toEqual(expected);
		});

	test("/proc is asked once", () => {
		let looks = 0;
		const look = () => {
			looks++;
			return curl;
		};
		const processes = new Processes({ look, startOf: () => TICKS });
		processes.learn(image);
		for (let times = 0; times < 3; times++) processes.detailsOfImage(3);
		expect(looks).toBe(1);
	});

	test("the one that was not asked for longest is forgotten first", () => {
		const processes = new Processes({ look: () => GONE, startOf: () => null, capacity: 2 });
		processes.learn({ ...image, id: 1 });
		processes.learn({ ...image, id: 2 });
		processes.detailsOfImage(1);
		processes.learn({ ...image, id: 3 });
		expect(processes.detailsOfImage(2)).toEqual(GONE);
		expect(processes.detailsOfImage(1)).toEqual(gone);
		expect(processes.detailsOfImage(3)).toEqual(gone);
	});
});
