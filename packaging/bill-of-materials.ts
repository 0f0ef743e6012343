/** CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/: what one binary is made of. */

import { type Component, sha256 } from "./component.ts";

export interface Product {
	readonly name: string;
	readonly version: string;
	/** An SPDX expression. */
	readonly license: string;
	/** The binary. */
	readonly path: string;
}

function describe(component: Component) {
	const { name, version, purl, license, termsUrl } = component;
	return {
		type: "library",
		"bom-ref": purl,
		...{ name, version, purl },
		licenses: [{ expression: license }],
		...(termsUrl === undefined ? {} : { externalReferences: [{ type: "license", url: termsUrl }] }),
	};
}

/** Without a date: the same binary has the same bill. */
export function billOfMaterials(product: Product, components: readonly Component[]) {
	const { name, version, license, path } = product;
	const ref = `${name}@${version}`;
	return {
		$schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
		bomFormat: "CycloneDX",
		specVersion: "1.6",
		version: 1,
		metadata: {
			component: {
				type: "application",
				"bom-ref": ref,
				...{ name, version },
				licenses: [{ expression: license }],
				hashes: [{ alg: "SHA-256", content: sha256(path) }],
			},
		},
		components: components.map(describe),
		dependencies: [
			{ ref, dependsOn: components.map(({ purl }) => purl) },
			...components.map(({ purl }) => ({ ref: purl })),
		],
	};
}
