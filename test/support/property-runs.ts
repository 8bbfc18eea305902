import fc from 'fast-check';
import { expect } from 'vitest';

/** What one property may take of `npm run fuzz`, which sets it; there the number of cases is what fits. */
const FUZZ_MS = Number(process.env['PROPERTY_FUZZ_MS'] ?? 0);
const QUICK_RUNS = 200;
const CI_RUNS = 10_000;

/** How often a property is tried: very often in CI, and elsewhere as often as a blink of an eye allows. */
export function many<T>(): fc.Parameters<T> {
  return few(CI_RUNS);
}

/** The same for a property whose every case costs milliseconds, a server, a store or a long history. */
export function few<T>(numRunsInCi: number): fc.Parameters<T> {
  return runs(process.env['CI'] ? numRunsInCi : Math.min(numRunsInCi, QUICK_RUNS));
}

function runs<T>(numRuns: number): fc.Parameters<T> {
  const { PROPERTY_SEED: seed, PROPERTY_PATH: path } = process.env;
  return {
    numRuns,
    ...(FUZZ_MS > 0 ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: FUZZ_MS } : {}),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
    reporter: report,
  };
}

function report<T>(details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const { testPath = '', currentTestName = '' } = expect.getState();
  const { seed, counterexamplePath: path } = details;
  const file = testPath.replace(/^.*\/(?=test\/)/, '');
  // The runner reads it as a pattern, the shell as it does.
  const name = (currentTestName.split(' > ').at(-1) ?? '').replace(/[^\w ,;:-]/g, '.');
  const again = `npm run fuzz -- --seed ${seed} ${path === null ? '' : `--path ${path} `}${file} -t "${name}"`;
  throw new Error(`${fc.defaultReportMessage(details)}\n\nTo repeat it: ${again}`);
}
