/** Which way each feature goes on this kernel; --hooks narrows the choice. */

import { PermissionError, UnsupportedError } from "../errors.ts";
import type { Answer, FeatureName, FeatureReport, HookKind } from "../flow/doctor.ts";
import type { Transport } from "../flow/records.ts";
import { FEATURES, type Feature, type Way } from "./features.ts";
import type { Ways } from "./plan.ts";
import { missingRights, rightsFor } from "./rights.ts";
import type { HookFamily } from "./session-options.ts";

export interface Choice {
	readonly feature: Feature;
	/** Null where no way is open. */
	readonly way: Way | null;
	/** What was asked for on the way to it, in order. */
	readonly tried: readonly (Answer & { readonly way: Way })[];
}

const FAMILIES: ReadonlySet<string> = new Set(["fentry", "kprobe", "tracepoint"]);
const OPEN: Answer = { available: true, reason: null };
const NOT_TRIED: Answer = { available: null, reason: "not available" };

/**
 * @param answer tryWay(), as a rule
 * @param all every way is tried, also behind the one that is chosen
 */
export function chooseWay(
	feature: Feature,
	family: HookFamily,
	answer: (way: Way) => Answer,
	{ all = false } = {},
): Choice {
	const tried: (Answer & { way: Way })[] = [];
	let chosen: Way | null = null;
	const allowed = waysOf(feature, family);
	for (const way of all ? feature.ways : allowed) {
		const result = answer(way);
		tried.push({ way, ...result });
		if (result.available !== true || !allowed.includes(way)) continue;
		chosen ??= way;
		if (!all) break;
	}
	return { feature, way: chosen, tried };
}

/** With all ways tried. */
export function reportFeature(
	feature: Feature,
	family: HookFamily,
	answer: (way: Way) => Answer,
): FeatureReport {
	const { way, tried } = chooseWay(feature, family, answer, { all: true });
	const isCertain = tried.every(({ available }) => available !== null);
	return {
		feature: feature.name,
		hook: way?.kind ?? null,
		less_exact: way?.lessExact ?? null,
		remedy: way === null && isCertain ? feature.remedy : null,
		ways: tried.map(({ way: { kind }, available, reason }) => ({ hook: kind, available, reason })),
	};
}

/** A family that is asked for is the only one where the feature knows it. */
function waysOf({ ways }: Feature, family: HookFamily): readonly Way[] {
	const asked = ways.filter(({ kind }) => kind === family);
	if (asked.length > 0) return asked;
	return family === "auto"
		? ways
		: ways.filter(({ kind }) => !FAMILIES.has(kind) || kind === "tracepoint");
}

/**
 * That this kernel has the family that --hooks asks for, for all that is traced.
 *
 * @throws UnsupportedError, PermissionError
 */
export function requireFamily(
	family: HookFamily,
	transports: readonly Transport[],
	answer: (way: Way) => Answer,
): void {
	if (family === "auto" || family === "tracepoint") return;
	for (const feature of FEATURES) {
		const isTraced = feature.transport !== null && transports.includes(feature.transport);
		if (!isTraced || !feature.ways.some(({ kind }) => kind === family)) continue;
		const { way, tried } = chooseWay(feature, family, answer);
		if (way === null) throw refusal(family, tried.at(-1));
	}
}

/** Of a family that was asked for. */
export function refusal(family: HookKind, { available, reason }: Answer = NOT_TRIED): Error {
	const missing = missingRights(rightsFor(family));
	if (available === null && missing.length > 0)
		return new PermissionError(`--hooks ${family}`, missing);
	return new UnsupportedError(
		`--hooks ${family}`,
		null,
		reason ?? "not available",
		"leave --hooks out; conntracer doctor shows what this kernel has",
	);
}

/**
 * For the features that have several ways. The last one of each is taken where none is open: to
 * load it will say why.
 */
export function chooseWays(
	family: HookFamily,
	transports: readonly Transport[],
	answer: (way: Way) => Answer,
): Ways {
	const kindOf = (name: FeatureName, transport: Transport): HookKind => {
		const feature = FEATURES.find((one) => one.name === name);
		if (feature === undefined || family === "tracepoint" || !transports.includes(transport))
			return "tracepoint";
		// The tracepoints are tried by loading them.
		const asked = (way: Way): Answer => (way.kind === "tracepoint" ? OPEN : answer(way));
		return chooseWay(feature, family, asked).way?.kind ?? "tracepoint";
	};
	return { accept: kindOf("accept", "tcp"), udp: kindOf("udp", "udp") };
}
