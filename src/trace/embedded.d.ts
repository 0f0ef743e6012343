/** What bun gives for `with { type: "file" }`; declared, as before a build the files are absent. */

declare module "*.bpf.o" {
	const path: string;
	export default path;
}

declare module "*.so.1" {
	const path: string;
	export default path;
}

declare module "*.so" {
	const path: string;
	export default path;
}
