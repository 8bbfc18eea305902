import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { access, constants, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whom a file belongs to and what it may be used for: what a replacement takes over. */
export type FileRights = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/** The file behind symbolic links, so that a replacement does not turn a link into a file. */
export async function locateFile(
  path: string,
): Promise<{ readonly path: string; readonly rights: FileRights }> {
  const real = await realpath(path);
  return { path: real, rights: await stat(real) };
}

/** Throws the system's error when the file, or its folder, is not for this user to write. */
export async function assertWritable(path: string): Promise<void> {
  await access(path, constants.W_OK);
  await access(dirname(path), constants.W_OK);
}

/** A file's replacement, on disk beside it. */
export interface StagedFile {
  /** Takes the file's name in one step; on failure nothing of it is left. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Replaces a file in one step, on disk before it takes the name, with the owner and mode given. */
export async function replaceFile(path: string, text: string, rights: FileRights): Promise<void> {
  const staged = await stageFile(path, text, rights);
  await staged.commit();
}

/** Writes what is to replace a file, all but the last step. */
export async function stageFile(path: string, text: string, rights: FileRights): Promise<StagedFile> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeNewFile(temporary, text, rights);
  const discard = () => unlink(temporary).catch(() => undefined);
  return {
    async commit() {
      try {
        await rename(temporary, path);
        await syncFolder(dirname(path));
      } catch (error) {
        await discard();
        throw error;
      }
    },
    discard,
  };
}

/** Writes a file that must not exist yet; on failure nothing of it is left. */
export async function writeNewFile(
  path: string,
  text: string,
  { uid, gid, mode }: FileRights,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    const mine = await file.stat();
    if (mine.uid !== uid || mine.gid !== gid) await file.chown(uid, gid);
    await file.chmod(mode & 0o7777);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Makes a rename survive a power cut, where the system lets folders be synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  if (!folder) return;
  try {
    await folder.sync();
  } catch {
    // Some file systems cannot; the rename is atomic all the same.
  } finally {
    await folder.close();
  }
}

/** The system's reason, or `undefined` for an error of another kind. */
export function systemReason(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  if (!('code' in error) || typeof error.code !== 'string') return undefined;
  return reasons[error.code] ?? error.code;
}

const reasons: Readonly<Record<string, string>> = {
  EPIPE: 'nobody reads it (EPIPE)',
  EACCES: 'this user may not write there (EACCES)',
  EPERM: 'this user may not do that (EPERM)',
  EROFS: 'the file system is read-only (EROFS)',
  EBUSY: 'it is mounted by itself and cannot be replaced (EBUSY)',
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the disk quota is used up (EDQUOT)',
  ENOENT: 'there is no such file (ENOENT)',
  ENOTDIR: 'a part of the path is no folder (ENOTDIR)',
  EISDIR: 'it is a folder (EISDIR)',
  ENAMETOOLONG: 'the name is too long (ENAMETOOLONG)',
  EEXIST: 'it exists already (EEXIST)',
};
