import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { containerIdOf, unitOf } from "../../src/enrich/cgroup-paths.ts";

const ID = "3f4a1b9c0d5e6f708192a3b4c5d6e7f80123456789abcdef0123456789abcdef";
const OTHER = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const POD = "pod0a1b2c3d-1111-2222-3333-444455556666";
const USER = "/user.slice/user-1000.slice/user@1000.service";

/** Who makes the layout, a path, its container, its unit. */
const LAYOUTS: [string, string, container: string | null, unit: string | null][] = [
	["Docker, systemd driver", `/system.slice/docker-${ID}.scope`, ID, `docker-${ID}.scope`],
	["Docker, cgroupfs driver", `/docker/${ID}`, ID, null],
	["Docker, rootless", `${USER}/user.slice/docker-${ID}.scope`, ID, `docker-${ID}.scope`],
	["Docker with --cgroup-parent", `/batch.slice/docker-${ID}.scope`, ID, `docker-${ID}.scope`],
	[
		"systemd in Docker",
		`/system.slice/docker-${ID}.scope/system.slice/ssh.service`,
		ID,
		`docker-${ID}.scope`,
	],
	[
		"kind: Kubernetes in Docker",
		`/docker/${OTHER}/kubelet.slice/cri-containerd-${ID}.scope`,
		ID,
		null,
	],
	["Amazon ECS", `/ecs/0123456789abcdef0123456789abcdef/${ID}`, ID, null],
	["the daemon itself", "/system.slice/docker.service", null, "docker.service"],

	[
		"containerd of Kubernetes, systemd driver",
		`/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12ab_34.slice/cri-containerd-${ID}.scope`,
		ID,
		`cri-containerd-${ID}.scope`,
	],
	["containerd of Kubernetes, cgroupfs driver", `/kubepods/burstable/${POD}/${ID}`, ID, null],
	["a pod without a container", `/kubepods/besteffort/${POD}`, null, null],
	[
		"containerd of Kubernetes, systemd path for the cgroupfs driver, as on cgroup v1",
		`/system.slice/containerd.service/kubepods-besteffort-pod12.slice:cri-containerd:${ID}`,
		ID,
		"containerd.service",
	],
	["the same, at the root", `/kubepods-pod12.slice:cri-containerd:${ID}`, ID, null],
	["containerd, of a namespace", `/default/${ID}`, ID, null],
	[
		"cri-dockerd",
		`/kubepods.slice/kubepods-pod1.slice/docker-${ID}.scope`,
		ID,
		`docker-${ID}.scope`,
	],

	["nerdctl, systemd driver", `/system.slice/nerdctl-${ID}.scope`, ID, `nerdctl-${ID}.scope`],
	["nerdctl, rootless", `${USER}/user.slice/nerdctl-${ID}.scope`, ID, `nerdctl-${ID}.scope`],

	[
		"CRI-O, systemd driver",
		`/kubepods.slice/kubepods-pod12ab_34.slice/crio-${ID}.scope`,
		ID,
		`crio-${ID}.scope`,
	],
	[
		"CRI-O with crun",
		`/kubepods.slice/kubepods-pod12ab_34.slice/crio-${ID}.scope/container`,
		ID,
		`crio-${ID}.scope`,
	],
	["CRI-O, cgroupfs driver", `/kubepods/burstable/${POD}/crio-${ID}`, ID, null],
	["its conmon", `/kubepods.slice/crio-conmon-${ID}.scope`, null, `crio-conmon-${ID}.scope`],
	["its conmon, cgroupfs driver", `/kubepods/burstable/${POD}/crio-conmon-${ID}`, null, null],

	["Podman, systemd driver", `/machine.slice/libpod-${ID}.scope`, ID, `libpod-${ID}.scope`],
	["Podman with crun", `/machine.slice/libpod-${ID}.scope/container`, ID, `libpod-${ID}.scope`],
	[
		"Podman, of a pod",
		`/machine.slice/machine-libpod_pod_${OTHER}.slice/libpod-${ID}.scope/container`,
		ID,
		`libpod-${ID}.scope`,
	],
	["Podman, rootless", `${USER}/user.slice/libpod-${ID}.scope`, ID, `libpod-${ID}.scope`],
	["Podman, cgroupfs driver", `/libpod_parent/libpod-${ID}`, ID, null],
	[
		"Podman --cgroups=split: a quadlet",
		`/system.slice/nginx.service/libpod-payload-${ID}`,
		ID,
		"nginx.service",
	],
	[
		"a quadlet of a user",
		`${USER}/app.slice/redis.service/libpod-payload-${ID}`,
		ID,
		"redis.service",
	],
	[
		"conmon and pasta of a quadlet",
		`${USER}/app.slice/redis.service/runtime`,
		null,
		"redis.service",
	],
	["its conmon", `/machine.slice/libpod-conmon-${ID}.scope`, null, `libpod-conmon-${ID}.scope`],

	["LXC, Incus and LXD", "/lxc.payload.web", "web", null],
	["and what is in it", "/lxc.payload.web-1/system.slice/ssh.service", "web-1", null],
	["and what watches over it", "/lxc.monitor.web", null, null],
	["Docker in LXC", `/lxc.payload.web/system.slice/docker-${ID}.scope`, ID, null],
	["Proxmox", "/lxc/101/ns/system.slice/ssh.service", "101", null],
	["LXC on cgroup v1", "/lxc/web", "web", null],
	["no LXC", "/system.slice/lxc/web", null, null],

	[
		"systemd-nspawn, as a service",
		"/machine.slice/systemd-nspawn@zurps.service/payload/init.scope",
		"zurps",
		"systemd-nspawn@zurps.service",
	],
	[
		"and what watches over it",
		"/machine.slice/systemd-nspawn@zurps.service/supervisor",
		null,
		"systemd-nspawn@zurps.service",
	],
	[
		"systemd-nspawn, by hand",
		"/machine.slice/machine-my\\x2dbox.scope/payload/system.slice/ssh.service",
		"my-box",
		"machine-my\\x2dbox.scope",
	],
	[
		"systemd-nspawn of a user",
		`${USER}/machine.slice/systemd-nspawn@zurps.service/payload`,
		"zurps",
		"systemd-nspawn@zurps.service",
	],
	[
		"a virtual machine of libvirt",
		"/machine.slice/machine-qemu\\x2d1\\x2dwin11.scope/libvirt/emulator",
		null,
		"machine-qemu\\x2d1\\x2dwin11.scope",
	],

	["systemd: a service", "/system.slice/nginx.service", null, "nginx.service"],
	["below it", "/system.slice/foobar.service/sdfdsaf", null, "foobar.service"],
	[
		"of a template",
		"/system.slice/system-getty.slice/getty@tty5.service/a/b",
		null,
		"getty@tty5.service",
	],
	[
		"with a name of the kernel's",
		"/system.slice/system-waldo.slice/_cpu.service/x",
		null,
		"cpu.service",
	],
	["a session", "/user.slice/user-1000.slice/session-3.scope", null, "session-3.scope"],
	["a unit of a user", `${USER}/app.slice/app-firefox.scope`, null, "app-firefox.scope"],
	["deeper", `${USER}/app.slice/app-a.slice/web@8000.service/x`, null, "web@8000.service"],
	["the manager of a user", `${USER}/init.scope`, null, "init.scope"],
	["what is nowhere below it", USER, null, "user@1000.service"],
	["systemd itself", "/init.scope", null, "init.scope"],
	["a slice alone", "/system.slice", null, null],
	["a template alone", "/system.slice/getty@.service", null, null],
	["no unit", "/system.slice/getty####@tty6.service/xxx", null, null],

	["the root", "/", null, null],
	["nothing", "", null, null],
	["63 digits", `/docker/${ID.slice(1)}`, null, null],
	["65 digits", `/docker/${ID}0`, null, null],
	["capitals", `/docker/${ID.toUpperCase()}`, null, null],
	["another prefix", `/system.slice/backup-${ID}.scope`, null, `backup-${ID}.scope`],
	["a hostile machine", "/lxc.payload.\x1b[2J", null, null],
	[
		"a hostile machine, escaped",
		"/machine.slice/machine-\\x1b.scope/payload",
		null,
		"machine-\\x1b.scope",
	],
	["a hostile unit", "/system.slice/a\n.service", null, null],
	["a unit that is too long", `/system.slice/${"a".repeat(250)}.service`, null, null],
];

describe("the container and the unit of a cgroup", () => {
	for (const [who, path, container, unit] of LAYOUTS)
		test(`${who}: ${JSON.stringify(path)}`, () => {
			expect({ container: containerIdOf(path), unit: unitOf(path) }).toEqual({ container, unit });
		});

	test("are never anything that a terminal acts upon, whatever cgroups are called", () => {
		const part = fc.constantFrom(
			...[
				"/",
				"lxc",
				"lxc.payload.",
				"machine-",
				"systemd-nspawn@",
				"payload",
				".scope",
				".service",
			],
			...[
				".slice",
				"\\x1b",
				"\\x2d",
				"\x1b",
				"\n",
				"@",
				"_",
				"user@1000.service",
				ID,
				"docker-",
				":",
				"é",
			],
		);
		const path = fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join("")}`);
		fc.assert(
			fc.property(path, (text) => {
				expect(containerIdOf(text) ?? "").toMatch(/^[\w.-]*$/);
				expect(unitOf(text) ?? "").toMatch(/^[\w:.\\@-]*$/);
			}),
			{ numRuns: 2000 },
		);
	});
});
