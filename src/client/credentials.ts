import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CodedError, withFacts } from '../kernel/coded-error.ts';
import { withFileLock } from './file-lock.ts';
import { parseGatewayUrl } from './gateway-url.ts';
import { printable } from './printable.ts';
import { makePrivateFolder, readPrivateFile, unusableFolder, writePrivateFile } from './private-file.ts';

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

/** A file among the sessions that cannot be used. */
export interface UnusableFile {
  readonly path: string;
  /** The gateway whose session it should hold, if its name is that of one. */
  readonly gateway: string | undefined;
  /** `unsafe_file_mode` or `credentials_unreadable`. */
  readonly problem: unknown;
}

export interface StoredSessions {
  /** The latest sign-in first. */
  readonly sessions: readonly Credentials[];
  readonly unusable: readonly UnusableFile[];
}

/** Sessions by gateway, one file each, so that processes working with different gateways never touch the same one. */
export interface CredentialStore {
  /** Throws `unsafe_file_mode` when others can read the file and `credentials_unreadable` when it makes no sense. */
  read(gateway: string): Promise<Credentials | undefined>;
  /** Every session. A file that cannot be used keeps nobody from the others. Throws `command_failed` for the folder. */
  list(): Promise<StoredSessions>;
  /** Replaces the file in one step. */
  save(credentials: Credentials): Promise<void>;
  remove(gateway: string): Promise<void>;
  /** Deletes a file without reading it. Throws `credentials_unreadable` when it cannot be deleted. */
  discard(file: UnusableFile): Promise<void>;
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
    try {
      const text = await readPrivateFile(path, platform);
      if (text === undefined) return undefined;
      const stored = parse(text, path);
      if (stored.gateway !== gateway) throw unreadable(path, 'it belongs to another gateway');
      return stored;
    } catch (error) {
      throw withFacts(error, { gateway });
    }
  }

  async function inspect(name: string): Promise<Credentials | UnusableFile | undefined> {
    const path = join(sessions, name);
    const gateway = gatewayNamed(name);
    if (gateway === undefined || pathOf(gateway) !== path) {
      const problem = unreadable(printable(path), 'its name is not that of a gateway');
      return { path, gateway: undefined, problem };
    }
    try {
      return await read(gateway);
    } catch (problem) {
      return { path, gateway, problem };
    }
  }

  return {
    read,
    async list() {
      const names = (await entries(sessions)).filter((name) => name.endsWith(SUFFIX));
      const all = (await Promise.all(names.map(inspect))).filter((found) => found !== undefined);
      return {
        sessions: all
          .filter((found) => 'accessToken' in found)
          .sort((a, b) => b.signedInAtMs - a.signedInAtMs),
        unusable: all.filter((found) => 'problem' in found),
      };
    },
    save: (credentials) => writePrivateFile(pathOf(credentials.gateway), serialise(credentials), platform),
    async remove(gateway) {
      await unlink(pathOf(gateway)).catch(unlessMissing);
    },
    async discard({ path }) {
      await unlink(path)
        .catch(unlessMissing)
        .catch((cause: unknown) => {
          throw new CodedError('credentials_unreadable', {
            facts: { path: printable(path), why: 'it cannot be deleted' },
            cause,
          });
        });
    },
    async exclusively(gateway, work) {
      await makePrivateFolder(sessions, platform);
      return withFileLock(`${pathOf(gateway)}.lock`, work, { timeoutMs: LOCK_WAIT_MS });
    },
  };
}

/** The origin that a file's name stands for. */
function gatewayNamed(name: string): string | undefined {
  try {
    const gateway = decodeURIComponent(name.slice(0, -SUFFIX.length));
    return parseGatewayUrl(gateway).origin === gateway ? gateway : undefined;
  } catch {
    // Neither an encoded text nor an origin: whoever put the file there did not sign in with it.
    return undefined;
  }
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
    if (isMissing(error)) return [];
    throw unusableFolder(folder, 'opened', error);
  }
}

function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
