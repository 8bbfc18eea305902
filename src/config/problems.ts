import type { Path } from './source-problem.ts';

/** One thing wrong with a configuration file, or one that boots but bites. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** Like `upstreams[0].auth.api_key`; empty for the file as a whole. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** Continues the path to a sentence: `must be …, found …`. Holds no secret. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w$-]+$/.test(step))
        return `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 64)}…` : step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}
