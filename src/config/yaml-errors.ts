import type { ErrorCode, YAMLError } from 'yaml';
import type { SourceProblem } from './source-problem.ts';

type Words = readonly [message: string, hint?: string];

const INDENT = 'indent with spaces, two for each level, and siblings alike';
const QUOTE = 'put the value in quotes';

/** Our words for the parser's errors: its own quote the file, which may hold a secret. */
const words: Partial<Readonly<Record<ErrorCode, Words>>> = {
  BAD_ALIAS: ['has an alias (*…) without an anchor (&…) before it', `${QUOTE} if it begins with *`],
  ALIAS_PROPS: ['has an alias (*…) with an anchor or a tag', 'an alias stands alone'],
  BAD_INDENT: ['is not indented as it must be here', INDENT],
  BAD_DQ_ESCAPE: [
    'has an unknown escape in double quotes',
    "use single quotes ('…') for texts with backslashes",
  ],
  BAD_SCALAR_START: ['begins with a character that must be quoted', QUOTE],
  BLOCK_AS_IMPLICIT_KEY: ['has a map where a single value must be', `${QUOTE} if it holds ": "`],
  BLOCK_IN_FLOW: ['has an indented block within brackets', 'close the bracket, or use brackets all the way'],
  IMPOSSIBLE: ['cannot be read as YAML'],
  KEY_OVER_1024_CHARS: [
    'has a key of more than 1024 characters',
    'look for a missing quote before this place',
  ],
  MISSING_CHAR: [
    'lacks a character: a colon, a comma, a quote or a closing bracket',
    'look just before this place',
  ],
  MULTILINE_IMPLICIT_KEY: ['has a key over several lines', 'look for a missing colon or quote'],
  TAB_AS_INDENT: ['is indented with a tab', INDENT],
  TAG_RESOLVE_FAILED: ['has a tag (!…), and tags are not supported', 'remove the tag'],
  UNEXPECTED_TOKEN: [
    'has something here that does not belong',
    `close quotes and brackets before; ${QUOTE} if it is text`,
  ],
  RESOURCE_EXHAUSTION: ['is nested too deeply'],
};

export function yamlProblem({ code, pos }: YAMLError): SourceProblem {
  const [message, hint] = words[code] ?? ['cannot be read as YAML'];
  return { offset: pos[0], path: [], message, ...(hint === undefined ? {} : { hint }) };
}
