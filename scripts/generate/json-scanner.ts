// Compiles src/gateway/http/json-scanner/assembly/ to WebAssembly, as a module that the sources import, so that a checkout runs
// without a build step. The language is AssemblyScript: to those who read the rest of this repository it is TypeScript with
// numbers of fixed size and one function for each vector instruction, where WebAssembly's own text format would be several times as
// long and without names for what it does. Its compiler is JavaScript from the registry, needs no install script, is used
// here only, and writes the same bytes wherever it runs: both it and the optimiser inside it are pinned by the lockfile.
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const FOLDER = 'src/gateway/http/json-scanner';
const LINE = 120;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** `compiled.ts`: the module as base64, whose white space decoders skip. Throws what the compiler says is wrong. */
export async function compiledJsonScanner(): Promise<string> {
  const bytes = await compiled(`${FOLDER}/assembly/scan.ts`);
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `// Generated from ${FOLDER}/assembly/ by \`npm run generate\`. Edit that, not this.
export const COMPILED = \`
${lines.join('\n')}
\`;
`;
}

async function compiled(entry: string): Promise<Buffer> {
  const outputs: Uint8Array[] = [];
  const { error, stderr } = await asc.main([entry, '--outFile', 'scan.wasm', '--baseDir', root, ...OPTIONS], {
    writeFile: (_, contents) => {
      if (typeof contents !== 'string') outputs.push(contents);
    },
  });
  const [bytes] = outputs;
  if (error || !bytes) throw new Error(`${entry} does not compile:\n${stderr.toString()}`, { cause: error });
  return Buffer.from(bytes);
}

const OPTIONS = [
  ...['--enable', 'simd'],
  ...['--runtime', 'stub'],
  '--noAssert',
  ...['--optimizeLevel', '3'],
  '--converge',
  ...['--initialMemory', '4'],
  ...['--maximumMemory', '4'],
  // Says that JavaScript cannot call functions on vectors; none is called from there.
  ...['--disableWarning', '112'],
];
