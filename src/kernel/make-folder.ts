import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it; one that is there already is left as it is. Throws the system's error. Node's own
 * `recursive` never returns where a folder cannot have children, as below /proc.
 */
export function makeFolder(folder: string, mode = 0o777): void {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    const parent = dirname(folder);
    if (!isMissing(error)) return acceptFolder(folder, error);
    // With its parent in place the folder can be made, or there is no way to make it.
    if (parent === folder || isFolder(parent)) throw error;
    makeFolder(parent, mode);
    makeFolder(folder, mode);
  }
}

/** Some systems give another reason than EEXIST for a folder that is there. */
function acceptFolder(folder: string, error: unknown): void {
  if (!isFolder(folder)) throw error;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
