import { parseDocument } from 'yaml';
import { findSigningSecrets, type Layout, lineEnd, type SecretEntry } from './rotate-locate.ts';
import { sessionShape } from './session.ts';

export { findSigningSecrets, type SecretEntry, type SigningSecrets } from './rotate-locate.ts';

const MINUTE_MS = 60_000;
/** How long a gateway may take to run with the new secret after the file was changed. */
const SLACK_MINUTES = 10;

/** How an entry names its secret. */
export type Reference =
  | { readonly kind: 'plain' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'variable'; readonly name: string };

/** Text that is a variable in part is treated like one: its author keeps secrets out of the file. */
export function referenceOf(value: string): Reference {
  const file = /^\$\{file:(.+)\}$/.exec(value.trim());
  if (file?.[1]) return { kind: 'file', path: file[1] };
  const variable = /(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/.exec(value);
  return variable?.[1] ? { kind: 'variable', name: variable[1] } : { kind: 'plain' };
}

/**
 * The new entry's reference beside an existing one: of the same kind, with the date in its name. `isTaken` is asked about
 * file paths and variable names.
 */
export function nextReference(
  current: Reference,
  nowMs: number,
  isTaken: (name: string) => boolean,
): Reference {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  switch (current.kind) {
    case 'plain':
      return current;
    case 'file': {
      const base = current.path.replace(/\.\d{4}-\d\d-\d\d(?:-\d+)?$/, '');
      return { kind: 'file', path: firstFree(`${base}.${day}`, '-', isTaken) };
    }
    case 'variable': {
      const base = current.name.replace(/_\d{8}(?:_\d+)?$/, '');
      return { kind: 'variable', name: firstFree(`${base}_${day.replaceAll('-', '')}`, '_', isTaken) };
    }
  }
}

/** The text with a new first entry, and everything else as it was. `value` is a reference in `${…}`, or the secret itself. */
export function addFirst(text: string, value: string, nowMs: number): string {
  const { entries, layout } = findSigningSecrets(text);
  const newLine = text.includes('\r\n') ? '\r\n' : '\n';
  const comment = `# signs since ${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const [first] = entries;
  const entry = quoted(value, first, layout);
  switch (layout.kind) {
    case 'block_list':
      return spliced(
        text,
        layout.insertAt,
        layout.insertAt,
        `${layout.indent}- ${entry} ${comment}${newLine}`,
      );
    case 'flow_list': {
      const lead = `${newLine}${layout.indent}${entry}, ${comment}${newLine}${layout.indent}`;
      return spliced(text, layout.insertAt, skipBlanks(text, layout.insertAt), lead);
    }
    case 'scalar': {
      const old = onOneLine(text, first);
      const { indent } = layout;
      const list = layout.isFlow
        ? [' [', `${indent}${entry}, ${comment}`, `${indent}${old}]`]
        : ['', `${indent}- ${entry} ${comment}`, `${indent}- ${old}`];
      return spliced(text, layout.afterColon, first.end, list.join(newLine));
    }
  }
}

/** The text without the entries after the first; the comments beside and above those go with them. */
export function keepFirst(text: string): string {
  const { entries, layout } = findSigningSecrets(text);
  const [first, second] = entries;
  const last = entries.at(-1);
  if (!second || !last) return text;
  if (layout.kind === 'block_list') {
    return spliced(text, lineEnd(text, first.end), lineEnd(text, last.end), '');
  }
  const hasComment = text.slice(first.end, second.start).includes('#');
  if (!hasComment) return spliced(text, first.end, last.end, '');
  const comma = /^[ \t]*,/.exec(text.slice(last.end))?.[0].length ?? 0;
  return spliced(text, second.start, last.end + comma, '');
}

/** When every session that is in use has renewed with a secret that has signed since a moment. */
export function finishableAtMs(sinceMs: number, ttlHours: number): number {
  return sinceMs + (ttlHours * 60 + SLACK_MINUTES) * MINUTE_MS;
}

/** `session.ttl_hours` as the text gives it, or its default; `undefined` when a variable stands for it. */
export function writtenTtlHours(text: string): number | undefined {
  const written = parseDocument(text).getIn(['session', 'ttl_hours']);
  const parsed = sessionShape.shape.ttl_hours.safeParse(written);
  return parsed.success ? parsed.data : undefined;
}

export function textOf(reference: Exclude<Reference, { kind: 'plain' }>): string {
  return reference.kind === 'file' ? `\${file:${reference.path}}` : `\${${reference.name}}`;
}

/** In the manner of the entry beside it, where that is possible. */
function quoted(value: string, beside: SecretEntry, layout: Layout): string {
  const isFlow = layout.kind === 'flow_list' || (layout.kind === 'scalar' && layout.isFlow);
  const mayBePlain = !isFlow && /^\$\{[\w./:-]+\}$/.test(value);
  if (beside.quote === '' && mayBePlain) return value;
  if (beside.quote === "'" && !value.includes("'")) return `'${value}'`;
  return JSON.stringify(value);
}

/** An entry as it stands, or, when it spans lines, as one line that means the same. */
function onOneLine(text: string, { start, end, value }: SecretEntry): string {
  const written = text.slice(start, end);
  if (!written.includes('\n')) return written;
  const props = /^(?:[&!]\S*\s+)+/.exec(written)?.[0].replace(/\s+/g, ' ') ?? '';
  return `${props}${JSON.stringify(value)}`;
}

function firstFree(name: string, separator: string, isTaken: (name: string) => boolean): string {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name}${separator}${number}`;
    if (!isTaken(candidate)) return candidate;
  }
}

function skipBlanks(text: string, offset: number): number {
  return offset + (/^[ \t]*/.exec(text.slice(offset))?.[0].length ?? 0);
}

function spliced(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}
