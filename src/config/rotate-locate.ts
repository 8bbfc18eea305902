import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { CodedError } from '../kernel/coded-error.ts';

/** The entries of `session.jwt_secret` and where they stand in the text. */
export interface SigningSecrets {
  /** The first signs; there is at least one. */
  readonly entries: readonly [SecretEntry, ...SecretEntry[]];
  readonly layout: Layout;
}

export interface SecretEntry {
  /** As written, before expansion. */
  readonly value: string;
  /** Offsets of the entry as it stands, its anchor and tag included. */
  readonly start: number;
  readonly end: number;
  readonly quote: '' | "'" | '"';
  /** Since when it signs, from the comment beside it. */
  readonly sinceMs: number | undefined;
}

export type Layout =
  /** `indent` is what a list's entries get in front of their dash. */
  | {
      readonly kind: 'scalar';
      readonly afterColon: number;
      readonly indent: string;
      readonly isFlow: boolean;
    }
  | { readonly kind: 'block_list'; readonly insertAt: number; readonly indent: string }
  | { readonly kind: 'flow_list'; readonly insertAt: number; readonly indent: string };

/** Throws CodedError `config_invalid` when there is no such key, or when it is no text and no list of texts. */
export function findSigningSecrets(text: string): SigningSecrets {
  const document = parseDocument(text, { keepSourceTokens: true });
  if (document.errors[0]) throw unusable(document.errors[0].message.split('\n')[0] ?? 'it is not YAML');
  const { map, pair } = findPair(document);
  const value = pair.value;
  const list = followed(value, document);
  if (isSeq(list)) return { entries: entriesOf(list, text, document), layout: layoutOf(list, text) };
  return {
    entries: [entryOf(value, propsIn(pair.srcToken?.sep), text, document)],
    layout: {
      kind: 'scalar',
      afterColon: afterColon(pair, text),
      isFlow: map.flow === true,
      indent: map.flow ? `${leadingBlanks(text, startOf(pair.key))}    ` : `${columnOf(text, pair)}  `,
    },
  };
}

/** The line that an offset stands in ends here; its line break comes after. */
export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  if (end === -1) return text.length;
  return text[end - 1] === '\r' ? end - 1 : end;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

function findPair(document: Document.Parsed): { map: YAMLMap; pair: Pair<unknown, unknown> } {
  const root = followed(document.contents, document);
  const map = isMap(root) ? followed(root.get('session', true), document) : undefined;
  if (!isMap(map)) throw unusable('session is missing');
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === 'jwt_secret');
  if (!pair) throw unusable('session.jwt_secret is missing');
  return { map, pair };
}

function followed(node: unknown, document: Document.Parsed): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function entriesOf(
  list: YAMLSeq,
  text: string,
  document: Document.Parsed,
): readonly [SecretEntry, ...SecretEntry[]] {
  const tokens = itemTokens(list);
  const [first, ...others] = list.items.map((item, index) =>
    entryOf(item, propsIn(tokens[index]?.start), text, document),
  );
  if (!first) throw unusable('session.jwt_secret is an empty list');
  return [first, ...others];
}

function entryOf(
  node: unknown,
  props: number | undefined,
  text: string,
  document: Document.Parsed,
): SecretEntry {
  const scalar = followed(node, document);
  if (!isScalar(scalar) || typeof scalar.value !== 'string') {
    throw unusable('session.jwt_secret takes a text or a list of texts');
  }
  const [start, valueEnd] = rangeOf(node);
  // The range of a block scalar takes in its last line break.
  let end = valueEnd;
  while (end > start && /[\r\n]/.test(text[end - 1] ?? '')) end -= 1;
  const first = text[start];
  return {
    value: scalar.value,
    start: props ?? start,
    end,
    quote: first === '"' || first === "'" ? first : '',
    sinceMs: dateIn(/^[ \t]*,?[ \t]*#(.*)$/.exec(text.slice(end, lineEnd(text, end)))?.[1] ?? ''),
  };
}

function layoutOf(list: YAMLSeq, text: string): Layout {
  const [start] = rangeOf(list);
  if (list.flow) {
    return { kind: 'flow_list', insertAt: start + 1, indent: `${leadingBlanks(text, start)}    ` };
  }
  const dash = itemTokens(list)[0]?.start.find(({ type }) => type === 'seq-item-ind')?.offset ?? start;
  const line = lineStart(text, dash);
  return { kind: 'block_list', insertAt: aboveComments(text, line), indent: text.slice(line, dash) };
}

/** Comment lines directly above an entry are about it and stay with it. */
function aboveComments(text: string, line: number): number {
  let at = line;
  while (at > 0) {
    const above = lineStart(text, at - 1);
    if (!/^[ \t]*#/.test(text.slice(above, at))) break;
    at = above;
  }
  return at;
}

/** An ISO instant, or a day, which counts as its end: a date by hand must not shorten the wait. */
function dateIn(comment: string): number | undefined {
  const found = /\b(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z)?/.exec(comment);
  if (!found) return undefined;
  const ms = Date.parse(`${found[1]}${found[2] ?? 'T24:00:00Z'}`);
  return Number.isNaN(ms) ? undefined : ms;
}

function itemTokens(list: YAMLSeq): readonly CST.CollectionItem[] {
  const token = list.srcToken;
  return token?.type === 'block-seq' || token?.type === 'flow-collection' ? token.items : [];
}

/** Where an anchor or a tag in front of a value begins. */
function propsIn(tokens: readonly CST.SourceToken[] | undefined): number | undefined {
  return tokens?.find(({ type }) => type === 'anchor' || type === 'tag')?.offset;
}

/** Behind the colon, and behind a comment that follows it. */
function afterColon(pair: Pair<unknown, unknown>, text: string): number {
  const tokens = pair.srcToken?.sep ?? [];
  const last = tokens.findLast(({ type }) => type === 'comment' || type === 'map-value-ind');
  return last ? last.offset + last.source.length : lineEnd(text, startOf(pair.key));
}

function columnOf(text: string, pair: Pair<unknown, unknown>): string {
  const start = startOf(pair.key);
  return ' '.repeat(start - lineStart(text, start));
}

function leadingBlanks(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset)))?.[0] ?? '';
}

function startOf(node: unknown): number {
  return rangeOf(node)[0];
}

function rangeOf(node: unknown): readonly [number, number, number] {
  if (isNode(node) && node.range) return node.range;
  throw unusable('session.jwt_secret has no place in the text');
}

function unusable(why: string): CodedError {
  return new CodedError('config_invalid', { detail: `The signing secrets cannot be found: ${why}` });
}
