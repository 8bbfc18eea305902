import { open, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** What the machine's administrator says about signing in to a gateway. */
export interface ManagedSettings {
  readonly requiresGateway: boolean;
  readonly gatewayUrl: string | undefined;
  /** As written, drop-ins combined; `parseInternalNetworks` judges it. */
  readonly internalNetworks: unknown;
}

export interface ManagedSettingsOptions {
  /** Path of `managed-settings.json`; `managed-settings.d/*.json` beside it are read after it, in name order. */
  readonly path: string;
  readonly platform: NodeJS.Platform;
  /** Told once per file that is ignored, and why. */
  readonly warn: (message: string) => void;
  /** Whether this user counts as an administrator; by default root does. */
  readonly isAdministrator?: (uid: number) => boolean;
}

/** Where the administrator of a machine puts the settings of Claude clients. */
export function managedSettingsPath(platform: NodeJS.Platform): string {
  if (platform === 'darwin') return '/Library/Application Support/ClaudeCode/managed-settings.json';
  if (platform === 'win32') return 'C:\\Program Files\\ClaudeCode\\managed-settings.json';
  return '/etc/claude-code/managed-settings.json';
}

const keys = z.object({
  forceLoginMethod: z.string().optional(),
  forceLoginGatewayUrl: z.string().optional(),
  gatewayInternalNetworks: z.unknown().optional(),
});

type Keys = z.infer<typeof keys>;

/**
 * Reads the machine's managed settings. A file that anyone but an administrator can write, or that makes no sense, is
 * ignored with a warning. On Windows the rights of `C:\Program Files` are relied on.
 */
export async function readManagedSettings(options: ManagedSettingsOptions): Promise<ManagedSettings> {
  const files = await Promise.all(
    [options.path, ...(await dropIns(options))].map((path) => read(path, options)),
  );
  const found = files.filter((file) => file !== undefined);
  const networks = found.map((file) => file.gatewayInternalNetworks).filter((value) => value !== undefined);
  return {
    requiresGateway: last(found, (file) => file.forceLoginMethod) === 'gateway',
    gatewayUrl: last(found, (file) => file.forceLoginGatewayUrl),
    internalNetworks: combine(networks),
  };
}

function last<T>(files: readonly Keys[], pick: (file: Keys) => T | undefined): T | undefined {
  return files.map(pick).findLast((value) => value !== undefined);
}

/** Lists are joined; a value that is no list is kept as it is, so that it is refused where lists are judged. */
function combine(values: readonly unknown[]): unknown {
  const odd = values.find((value) => !Array.isArray(value));
  return odd === undefined ? [...new Set(values.flat())] : odd;
}

async function dropIns({ path, warn }: ManagedSettingsOptions): Promise<readonly string[]> {
  const folder = path.replace(/\.json$/, '.d');
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (!isAbsent(error)) warn(`Ignoring the managed settings in ${folder}: it cannot be read`);
    return [];
  });
  return names
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name));
}

/** Editors of Windows put it first, and JSON knows none. */
const BYTE_ORDER_MARK = /^\uFEFF/;

async function read(path: string, options: ManagedSettingsOptions): Promise<Keys | undefined> {
  const ignore = (why: string) => {
    options.warn(`Ignoring the managed settings in ${path}: ${why}`);
    return undefined;
  };
  try {
    const writer = await unsafePlace(path, options);
    if (writer !== undefined) return ignore(`others than the administrator can write to ${writer}`);
    const text = await readChecked(path, options);
    if (text === undefined) return ignore('others than the administrator can write to it');
    const parsed = keys.safeParse(JSON.parse(text.replace(BYTE_ORDER_MARK, '')));
    return parsed.success ? parsed.data : ignore('it is not an object with the known keys');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    return ignore(error instanceof SyntaxError ? 'it is not valid JSON' : 'it cannot be read');
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Judges the open file, so that it cannot be swapped between the look and the read. */
async function readChecked(path: string, options: ManagedSettingsOptions): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    return isSafe(await file.stat(), options) ? await file.readFile('utf8') : undefined;
  } finally {
    await file.close();
  }
}

/** The first folder on the way to the file in which others could replace it. */
async function unsafePlace(path: string, options: ManagedSettingsOptions): Promise<string | undefined> {
  const folders = new Set([...ancestors(path), ...ancestors(await realpath(path))]);
  for (const folder of folders) {
    const status = await stat(folder);
    const isSticky = (status.mode & 0o1000) !== 0;
    if (!isSafe(isSticky ? { ...pick(status), mode: status.mode & ~0o022 } : status, options)) return folder;
  }
  return undefined;
}

interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

function pick({ uid, gid, mode }: Ownership): Ownership {
  return { uid, gid, mode };
}

const MACOS_ADMIN_GROUP = 80;

function isSafe({ uid, gid, mode }: Ownership, options: ManagedSettingsOptions): boolean {
  const { platform, isAdministrator = (id) => id === 0 } = options;
  if (platform === 'win32') return true;
  const isAdminGroup = gid === 0 || (platform === 'darwin' && gid === MACOS_ADMIN_GROUP);
  const foreignWrite = isAdminGroup ? 0o002 : 0o022;
  return isAdministrator(uid) && (mode & foreignWrite) === 0;
}

function ancestors(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...ancestors(folder)];
}
