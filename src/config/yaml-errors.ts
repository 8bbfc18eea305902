// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { type Document, type ErrorCode, isScalar, Scalar, visit, type YAMLError } from 'yaml';
import { positionsIn } from './positions.ts';
import type { SourceProblem } from './source-problem.ts';

type Words = readonly [message: string, hint?: string];

const INDENT = 'indent with spaces, two for each level, siblings alike; and close brackets and quotes before';
const QUOTE = 'put the value in quotes';

/** Our words for the parser's errors: its own quote the file, which may hold a secret. */
const words: Partial<Readonly<Record<ErrorCode, Words>>> = {
  ALIAS_PROPS: ['an alias (*…) has an anchor or a tag', 'an alias stands alone'],
  BAD_INDENT: ['this is not indented as it must be', INDENT],
  BAD_DQ_ESCAPE: ['unknown escape in double quotes', "use single quotes ('…') for texts with backslashes"],
  BAD_SCALAR_START: ['a value begins with a character that must be quoted', QUOTE],
  BLOCK_AS_IMPLICIT_KEY: [
    'a map stands where a single value must be',
    `${QUOTE} if it holds a colon and a blank`,
  ],
  BLOCK_IN_FLOW: [
    'an indented block stands within brackets',
    'close the bracket, or use brackets all the way',
  ],
  KEY_OVER_1024_CHARS: ['a key of more than 1024 characters', 'look for a missing quote before this place'],
  MISSING_CHAR: ['a colon, a comma or a closing bracket is missing', 'look just before this place'],
  MULTILINE_IMPLICIT_KEY: ['a key over several lines', 'look for a missing colon or quote'],
  TAB_AS_INDENT: ['a tab is used to indent', INDENT],
  TAG_RESOLVE_FAILED: ['there is a tag (!…), and tags are not supported', 'remove the tag'],
  UNEXPECTED_TOKEN: [
    'something here does not belong',
    `close brackets and quotes before; ${QUOTE} if it is text`,
  ],
  RESOURCE_EXHAUSTION: ['it is nested too deeply'],
};

const OPEN_QUOTE: Words = ['a quote is opened here and not closed', 'add the closing quote'];
const BARE_REFERENCE: Words = ['${…} stands within brackets without quotes', 'put it in quotes: "${NAME}"'];

const MOST = 10;

/**
 * What the parser could not read: the first error of each line, since one mistake makes more of them. After a token that does
 * not belong the parser is lost, and takes whatever comes for another: only references without quotes are still told apart.
 */
export function syntaxProblems(document: Document.Parsed, text: string): SourceProblem[] {
  const problems: SourceProblem[] = [];
  const positionOf = positionsIn(text);
  const seen = new Set<number>();
  let isLost = false;
  for (const error of document.errors) {
    if (problems.length === MOST) break;
    const isUnexpected = error.code === 'UNEXPECTED_TOKEN';
    if (isLost && isUnexpected && !isReferenceAt(error.pos[0], text)) continue;
    isLost ||= isUnexpected;
    if (seen.has(positionOf(error.pos[0]).line)) continue;
    const problem = syntaxProblem(error, document, text);
    const { line } = positionOf(problem.offset);
    if (!seen.has(line)) problems.push(problem);
    seen.add(line).add(positionOf(error.pos[0]).line);
  }
  return problems;
}

function syntaxProblem(
  { code, pos: [offset] }: YAMLError,
  document: Document.Parsed,
  text: string,
): SourceProblem {
  const quote = code === 'MISSING_CHAR' ? openQuoteAt(offset, document) : undefined;
  const [what, hint] =
    quote === undefined ? (isReferenceAt(offset, text) ? BARE_REFERENCE : (words[code] ?? [])) : OPEN_QUOTE;
  const message = `cannot be read as YAML${what === undefined ? '' : `: ${what}`}`;
  return { offset: quote ?? offset, path: [], message, ...(hint === undefined ? {} : { hint }) };
}

function isReferenceAt(offset: number, text: string): boolean {
  return text[offset - 1] === '$' && text[offset] === '{';
}

/** The beginning of a quoted text that runs to this place. */
function openQuoteAt(offset: number, document: Document.Parsed): number | undefined {
  let found: number | undefined;
  visit(document, (_key, node) => {
    if (!isScalar(node) || !node.range) return;
    const isQuoted = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE;
    const [start, end] = node.range;
    if (isQuoted && start < offset && end >= offset) found = start;
  });
  return found;
}
