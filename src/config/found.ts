import type { ConfigNode } from './source-tree.ts';

const LONGEST = 60;

/** What stands at a place, in words for a problem: a value only where it may be seen. */
export function describeFound(node: ConfigNode, isHidden: boolean): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  const { value, expansion } = node;
  if (value === null) return 'nothing';
  if (typeof value === 'string' && (isHidden || expansion?.kind === 'file' || holdsCredentials(value)))
    return hidden(value);
  if (isHidden) return typeof value === 'number' ? 'a number' : 'true or false';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
}

/** A URL with user and password, with or without its scheme, wherever it is written. */
export function holdsCredentials(text: string): boolean {
  return /:\S*@/.test(text);
}

function hidden(value: string): string {
  return value === '' ? 'an empty string' : `a string of ${Buffer.byteLength(value)} bytes`;
}
