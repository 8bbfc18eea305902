import type { Path } from './source-problem.ts';

/** Where a section's cross-checks put what they find. Messages continue "<path> …" and hold no secret. */
export interface Report {
  error(path: Path, message: string, hint?: string): void;
  /** For what boots but bites. About values that the program added itself nothing is said. */
  warning(path: Path, message: string, hint?: string): void;
  /** Whether there is a value at all, valid or not. */
  has(path: Path): boolean;
  /** What stands at a place, in words for a message: no value that may be a secret. */
  found(path: Path): string;
}
