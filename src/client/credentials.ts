import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CodedError } from '../kernel/coded-error.ts';
import { withFileLock } from './file-lock.ts';
import { makePrivateFolder, readPrivateFile, writePrivateFile } from './private-file.ts';

/** A signed-in session at one gateway, as it lies on disk. */
export interface Credentials {
  /** The gateway's origin. */
  readonly gateway: string;
  readonly email: string | undefined;
  readonly accessToken: string;
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
  /** Absent when the gateway gave none: the session then ends with the access token. */
  readonly refreshToken: string | undefined;
  /** Unix milliseconds of the sign-in; the latest one is the gateway that commands use by default. */
  readonly signedInAtMs: number;
}

const format = z.object({
  version: z.literal(1),
  gateway: z.string(),
  email: z.string().optional(),
  access_token: z.string().min(1),
  expires_at_ms: z.number(),
  refresh_token: z.string().min(1).optional(),
  signed_in_at_ms: z.number(),
});

/** Sessions by gateway, one file each, so that processes working with different gateways never touch the same one. */
export interface CredentialStore {
  /** Throws `unsafe_file_mode` when others can read the file and `credentials_unreadable` when it makes no sense. */
  read(gateway: string): Promise<Credentials | undefined>;
  /** Every session, the latest sign-in first. */
  list(): Promise<readonly Credentials[]>;
  /** Replaces the file in one step. */
  save(credentials: Credentials): Promise<void>;
  remove(gateway: string): Promise<void>;
  /** Runs `work` while no other process changes this gateway's session. Throws `lock_held` after a minute's wait. */
  exclusively<T>(gateway: string, work: () => Promise<T>): Promise<T>;
}

const SUFFIX = '.json';

/** Longer than a refresh with all its attempts may take. */
const LOCK_WAIT_MS = 60_000;

/** `folder` is Sallyport's own configuration folder; it is made, private to the developer, with the first session. */
export function createCredentialStore(folder: string, platform: NodeJS.Platform): CredentialStore {
  const sessions = join(folder, 'sessions');
  const pathOf = (gateway: string) => join(sessions, `${encodeURIComponent(gateway)}${SUFFIX}`);

  async function read(gateway: string): Promise<Credentials | undefined> {
    const path = pathOf(gateway);
    const text = await readPrivateFile(path, platform);
    if (text === undefined) return undefined;
    const stored = parse(text, path);
    if (stored.gateway !== gateway) throw unreadable(path, 'it belongs to another gateway');
    return stored;
  }

  return {
    read,
    async list() {
      const names = (await entries(sessions)).filter((name) => name.endsWith(SUFFIX));
      const all = await Promise.all(
        names.map((name) => read(decodeURIComponent(name.slice(0, -SUFFIX.length)))),
      );
      return all
        .filter((credentials) => credentials !== undefined)
        .sort((a, b) => b.signedInAtMs - a.signedInAtMs);
    },
    save: (credentials) => writePrivateFile(pathOf(credentials.gateway), serialise(credentials), platform),
    async remove(gateway) {
      await unlink(pathOf(gateway)).catch(unlessMissing);
    },
    async exclusively(gateway, work) {
      await makePrivateFolder(sessions, platform);
      return withFileLock(`${pathOf(gateway)}.lock`, work, { timeoutMs: LOCK_WAIT_MS });
    },
  };
}

function parse(text: string, path: string): Credentials {
  const parsed = format.safeParse(json(text));
  if (!parsed.success) throw unreadable(path, 'it is not a session file of this version');
  const { data } = parsed;
  return {
    gateway: data.gateway,
    email: data.email,
    accessToken: data.access_token,
    expiresAtMs: data.expires_at_ms,
    refreshToken: data.refresh_token,
    signedInAtMs: data.signed_in_at_ms,
  };
}

function serialise(credentials: Credentials): string {
  const document: z.input<typeof format> = {
    version: 1,
    gateway: credentials.gateway,
    email: credentials.email,
    access_token: credentials.accessToken,
    expires_at_ms: credentials.expiresAtMs,
    refresh_token: credentials.refreshToken,
    signed_in_at_ms: credentials.signedInAtMs,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says that the file makes no sense; the parser's message would quote a token.
    return undefined;
  }
}

function unreadable(path: string, why: string): CodedError {
  return new CodedError('credentials_unreadable', { facts: { path, why } });
}

async function entries(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    unlessMissing(error);
    return [];
  }
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
