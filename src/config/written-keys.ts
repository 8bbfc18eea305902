import { parse } from 'yaml';

/** What a configuration file says at all, before it is judged. */
export interface WrittenKeys {
  has(path: string): boolean;
  /** A number written out at this dotted path. */
  number(path: string): number | undefined;
  /** A text written out at this dotted path, as it stands: `${…}` is not looked into. */
  text(path: string): string | undefined;
}

/** Reads a file's keys leniently: one that is no YAML has none, and is refused when it is checked. */
export function writtenKeys(text: string): WrittenKeys {
  const root = lenient(text);
  const at = (path: string): unknown =>
    path.split('.').reduce<unknown>((value, key) => (isMap(value) ? value[key] : undefined), root);
  return {
    has: (path) => at(path) !== undefined,
    number(path) {
      const value = at(path);
      return typeof value === 'number' ? value : undefined;
    },
    text(path) {
      const value = at(path);
      return typeof value === 'string' ? value : undefined;
    },
  };
}

function lenient(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 100, logLevel: 'silent' });
  } catch {
    return undefined;
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
