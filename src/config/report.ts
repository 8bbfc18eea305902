import type { Path } from './source-problem.ts';

/** Where a section's cross-checks put what they find. Messages continue "<path> …". */
export interface Report {
  error(path: Path, message: string, hint?: string): void;
  warning(path: Path, message: string, hint?: string): void;
  /** Whether the file itself gives this key; values filled in by the program are not the operator's. */
  isWritten(path: Path): boolean;
}
