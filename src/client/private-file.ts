import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError } from '../kernel/coded-error.ts';
import { makeFolder } from '../kernel/make-folder.ts';

const OTHERS = 0o077;

/**
 * Reads a file that only its owner may read; `undefined` when there is none. Throws `unsafe_file_mode` when group or
 * others have any right on it, and `command_failed` when its folder can be none. Windows keeps such rights elsewhere: there
 * the profile folder protects the file.
 */
export async function readPrivateFile(path: string, platform: NodeJS.Platform): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR')
      throw unusableFolder(dirname(path), 'opened', error);
    throw new CodedError('credentials_unreadable', {
      facts: { path, why: 'it cannot be opened' },
      cause: error,
    });
  }
  try {
    // The open file is judged, not the name: nobody can swap it in between.
    const { mode } = await file.stat();
    if (platform !== 'win32' && (mode & OTHERS) !== 0) {
      throw new CodedError('unsafe_file_mode', { facts: { path, mode: (mode & 0o777).toString(8) } });
    }
    return await file.readFile('utf8').catch((cause: unknown) => {
      throw new CodedError('credentials_unreadable', { facts: { path, why: 'it cannot be read' }, cause });
    });
  } finally {
    await file.close();
  }
}

/** Replaces a file in one step: mode 0600 in a folder of mode 0700, on disk before it takes the name. */
export async function writePrivateFile(path: string, text: string, platform: NodeJS.Platform): Promise<void> {
  await makePrivateFolder(dirname(path), platform);
  const temporary = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/**
 * Makes a folder that only its owner may enter. One that exists stays as it is, but one that others may write to is
 * refused with `unsafe_file_mode`: they could replace what lies in it. Throws `command_failed` for one that cannot be made.
 */
export async function makePrivateFolder(folder: string, platform: NodeJS.Platform): Promise<void> {
  try {
    makeFolder(folder, 0o700);
  } catch (cause) {
    throw unusableFolder(folder, 'made', cause);
  }
  if (platform === 'win32') return;
  const { mode } = await stat(folder);
  const isSticky = (mode & 0o1000) !== 0;
  if ((mode & 0o022) === 0 || isSticky) return;
  throw new CodedError('unsafe_file_mode', { facts: { path: folder, mode: (mode & 0o777).toString(8) } });
}

/** What to say of Sallyport's own folder, and what to do about it. */
export function unusableFolder(folder: string, what: 'made' | 'opened', cause: unknown): CodedError {
  const reason = cause instanceof Error && 'code' in cause ? cause.code : 'no reason given';
  const detail = `${folder} cannot be ${what} (${reason}): sessions are kept there; name a folder of your own in SALLYPORT_CONFIG_DIR`;
  return new CodedError('command_failed', { detail, cause });
}
