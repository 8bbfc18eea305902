// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { type Document, isScalar, Lexer, parseAllDocuments, parseDocument } from 'yaml';
import { createNodeReader, MAX_DEPTH, TOO_DEEP } from './read-nodes.ts';
import type { SourceProblem } from './source-problem.ts';
import type { ConfigNode, SourceTree } from './source-tree.ts';
import { syntaxProblems } from './yaml-errors.ts';

const MAX_BYTES = 4 * 1024 * 1024;
/** Far above any real file; keeps the time to read a hostile one within a few seconds. */
const MAX_TOKENS = 200_000;

/**
 * Reads YAML 1.2 into a tree of maps, lists and scalars with positions. Never throws. Aliases are resolved within bounds;
 * several documents, tags of one's own, repeated keys and files above 4 MiB are problems.
 */
export function readSourceTree(text: string): SourceTree {
  const refusal = refusalOf(text);
  if (refusal) return unreadable([refusal]);
  const documents = documentsOf(text);
  const [document, second] = documents;
  const broken = documents.flatMap((each) => syntaxProblems(each, text));
  if (second) broken.unshift(severalDocuments(second));
  if (isOldYaml(document)) broken.unshift(oldYaml);
  if (broken.length > 0) return unreadable(broken);
  return treeOf(document);
}

const PARSING = {
  version: '1.2',
  schema: 'core',
  // The library compares every key with every other; ours is a look-up.
  uniqueKeys: false,
  // Its pretty messages quote the source, which may hold a secret.
  prettyErrors: false,
  logLevel: 'silent',
} as const;

function documentsOf(text: string): readonly [Document.Parsed, ...Document.Parsed[]] {
  const [first, ...others] = parseAllDocuments(text, PARSING);
  // Directives without a document are an error only to this one.
  return first ? [first, ...others] : [parseDocument(text, PARSING)];
}

const emptyTree: SourceTree = {
  root: { kind: 'map', start: 0, end: 0, entries: new Map() },
  problems: [],
  isReadable: true,
};

function unreadable(problems: readonly SourceProblem[]): SourceTree {
  return { ...emptyTree, problems, isReadable: false };
}

function atTop(message: string, hint?: string): SourceProblem {
  return { offset: 0, path: [], message, ...(hint === undefined ? {} : { hint }) };
}

const oldYaml = atTop('must be YAML 1.2, not an older version', 'remove the %YAML directive');

/** What makes a text not worth parsing. */
function refusalOf(text: string): SourceProblem | undefined {
  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES)
    return atTop(
      'is larger than 4 MiB',
      'put long texts into files of their own and name them: ${file:/path}',
    );
  let offset = 0;
  let tokens = 0;
  let depth = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1;
    if (lexeme === '[' || lexeme === '{') depth += 1;
    if (lexeme === ']' || lexeme === '}') depth -= 1;
    if (depth > MAX_DEPTH) return { offset, path: [], message: TOO_DEEP };
    if (tokens > MAX_TOKENS)
      return { offset, path: [], message: 'holds too many values to be a configuration' };
    // Lexemes that are marks of the lexer's own stand for no text.
    if (!/^[\u0002\u0018\u001f\ufeff]$/.test(lexeme)) offset += lexeme.length;
  }
  return undefined;
}

function isOldYaml({ directives }: Document): boolean {
  return directives?.yaml.explicit === true && directives.yaml.version !== '1.2';
}

function severalDocuments(second: Document): SourceProblem {
  return {
    offset: second.range?.[0] ?? 0,
    path: [],
    message: 'holds several documents; one is expected',
    hint: 'remove everything from the second --- on',
  };
}

function treeOf(document: Document.Parsed): SourceTree {
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null && !contents.source))
    return emptyTree;
  const reader = createNodeReader(document);
  const root = reader.read(contents, []);
  if (root.kind === 'map') return { root, problems: reader.problems, isReadable: true };
  const offset = root.start;
  const message = `must be a map of keys like listen: and oidc:, and is ${nameOf(root)}`;
  return unreadable([...reader.problems, { offset, path: [], message }]);
}

function nameOf(node: ConfigNode): string {
  return node.kind === 'list' ? 'a list' : 'a single value';
}
