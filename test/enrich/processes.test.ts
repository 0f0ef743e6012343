import { expect, test } from "bun:test";
import { Processes } from "../../src/enrich/processes.ts";
import type { ProcessDetails } from "../../src/enrich/procfs.ts";

const GONE: ProcessDetails = { executable: null, commandLine: null };
const program = (name: string): ProcessDetails => ({
	executable: `/bin/${name}`,
	commandLine: name,
});

class World {
	now = 0;
	looks = 0;
	readonly running = new Map<number, ProcessDetails>();
	readonly processes = (capacity: number): Processes =>
		new Processes({
			look: (pid) => {
				this.looks++;
				return this.running.get(pid) ?? GONE;
			},
			now: () => this.now,
			capacity,
		});
}

test("a process is looked up once a second, and known after it has gone", () => {
	const world = new World();
	const processes = world.processes(10);
	world.running.set(7, program("curl"));
	for (world.now = 0; world.now < 1000; world.now += 100)
		expect(processes.detailsOf(7, "curl")).toEqual(program("curl"));
	expect(world.looks).toBe(1);
	world.running.delete(7);
	expect(processes.detailsOf(7, "curl")).toEqual(program("curl"));
	expect(world.looks).toBe(2);
});

test("another program under the same process id is another process", () => {
	const world = new World();
	const processes = world.processes(10);
	world.running.set(7, program("bash"));
	expect(processes.detailsOf(7, "bash")).toEqual(program("bash"));
	world.running.set(7, program("curl"));
	expect(processes.detailsOf(7, "curl")).toEqual(program("curl"));
});

test("a process that was gone before it was looked up is not known", () => {
	expect(new World().processes(10).detailsOf(7, "curl")).toEqual(GONE);
});

test("memory is bounded", () => {
	const world = new World();
	const processes = world.processes(2);
	for (const pid of [1, 2, 3, 1]) processes.detailsOf(pid, "x");
	expect(world.looks).toBe(4);
});
