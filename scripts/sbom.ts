// Writes the bill of materials (CycloneDX) that the packed package carries: dist/sbom.cdx.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { billOfMaterials } from './supply-chain/bill-of-materials.ts';
import { readLockfile } from './supply-chain/lockfile.ts';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

mkdirSync(dist, { recursive: true });
writeFileSync(`${dist}sbom.cdx.json`, `${JSON.stringify(billOfMaterials(readLockfile()), undefined, 2)}\n`);
