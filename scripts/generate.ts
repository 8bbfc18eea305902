// Writes the files that repeat what the code says: schemas/, the generated pages of docs/ and the compiled JSON scanner. With
// --check it writes nothing and fails naming every file that is stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generate/files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCheck = process.argv.includes('--check');
const stale = [...(await generatedFiles())].filter(([path, text]) => currentText(path) !== text);

for (const [path, text] of stale) {
  if (isCheck) console.error(`${path} is stale: run npm run generate`);
  else write(path, text);
}
if (isCheck && stale.length > 0) process.exitCode = 1;
else if (stale.length === 0) console.error('generated files are current');

function currentText(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  console.error(`wrote ${path}`);
}
