import type { OutgoingRequest } from './provider.ts';

const INPUT_TOO_LONG = 'Input is too long.';
const PROMPT_TOO_LONG = 'capability_rejected: prompt_too_long';
const refusedBeta = (beta: string) => `Unexpected value(s) \`${beta}\` for the \`anthropic-beta\` header`;
const refusedField = (field: string) => `${field}: Extra inputs are not permitted`;

const SIZE_LIMIT = /^The (?:request|message) size \(.*exceeds.*MB limit\.$/s;
const TOO_LONG = /input is too long for requested model|prompt is too long/i;

/** No part of a longer name, of a path or of an ARN. */
const NAME = '(?<![\\w.\\-/:@])(?<name>[A-Za-z0-9_][\\w.-]{0,255})(?![\\w.\\-/@])';
/** Where in the body AWS's own check found the name: a JSON pointer. */
const POINTER = '#(?<pointer>(?:/\\w{1,60}){0,10})';
const QUOTE = '[`"\'\\[]?';

/** Error texts are a sentence or two; what comes later is not looked at. */
const LONGEST_SENTENCE = 4_096;

/** "Usage limit reached", "You have reached your specified API usage limits", and what is between. */
const USAGE_LIMIT =
  /usage limits? (?:(?:has|have|was|were|is|are) )?(?:been )?reached|reached (?:your|its|the) (?:[\w-]+ ){0,4}usage limits?/i;

/** An account that may spend no more says so in a 400; no API has a code for it. */
export function isUsageLimit(message: string): boolean {
  return USAGE_LIMIT.test(message.slice(0, LONGEST_SENTENCE));
}

export interface RefusedName {
  readonly kind: 'beta' | 'field';
  readonly name: string;
}

/** How betas and fields are refused: by the model's side, by AWS, by Google. */
const NAMINGS: readonly (readonly [RefusedName['kind'], RegExp])[] = [
  ['beta', new RegExp(`unexpected value\\(s\\) ${QUOTE}${NAME}.* for the ${QUOTE}anthropic-beta`, 'is')],
  ['beta', new RegExp(`invalid beta flag(?::| (?=[\`"'\\[]))\\s*${QUOTE}${NAME}`, 'i')],
  ['field', new RegExp(`${NAME}${QUOTE}: extra inputs are not permitted`, 'i')],
  ['field', new RegExp(`${POINTER}: extraneous key \\[${NAME}\\] is not permitted`, 'i')],
  ['field', new RegExp(`unknown name "${NAME}"`, 'i')],
];

const LONGEST_SHOWN_NAME = 64;
const UNNAMED_BETA = /invalid beta flag/i;

/** The beta or field that a refusal names: letters, digits, `_`, `.` and `-`, 256 of them at most. */
export function refusedName(message: string): RefusedName | undefined {
  const words = message.slice(0, LONGEST_SENTENCE);
  for (const [kind, pattern] of NAMINGS) {
    const { pointer = '', name: found } = pattern.exec(words)?.groups ?? {};
    if (found === undefined) continue;
    const name = `${pointer.slice(1).replaceAll('/', '.')}.${found}`.replace(/^\.+|\.+$/g, '');
    return isName(name) ? { kind, name } : undefined;
  }
  return undefined;
}

/** Numbers alone may be anything, and long ones are accounts. */
function isName(text: string): boolean {
  return /[A-Za-z]/.test(text) && !/\d{12}/.test(text);
}

/**
 * What a developer reads of a 400 or 413: the model's side's own message, or the provider's put into words that clients
 * know. Undefined: nothing more than a sentence for the status.
 */
export function rebuiltMessage(
  message: string,
  isEnveloped: boolean,
  request: OutgoingRequest,
): string | undefined {
  if (message === INPUT_TOO_LONG || isSizeLimit(message)) return INPUT_TOO_LONG;
  if (isEnveloped) return message;
  if (TOO_LONG.test(message)) return PROMPT_TOO_LONG;
  const refused = refusedName(message);
  if (!refused?.name.includes(SAFEGUARDS) && isAboutSafeguards(message, refused, request))
    return refusedField(SAFEGUARDS);
  if (!refused || refused.name.length > LONGEST_SHOWN_NAME) return undefined;
  return refused.kind === 'beta' ? refusedBeta(refused.name) : refusedField(refused.name);
}

function isSizeLimit(message: string): boolean {
  return message.length <= LONGEST_SENTENCE && SIZE_LIMIT.test(message);
}

const SAFEGUARDS = 'safeguards';

/** Some clouds refuse a beta without saying which. */
export function refusesSomeBeta(message: string): boolean {
  return UNNAMED_BETA.test(message.slice(0, LONGEST_SENTENCE));
}

/** Whoever asks for safeguards must learn that they were refused, by name or because some beta was. */
function isAboutSafeguards(
  message: string,
  refused: RefusedName | undefined,
  { body, message: client }: OutgoingRequest,
): boolean {
  if (message.toLowerCase().includes(SAFEGUARDS)) return true;
  if (refused || !refusesSomeBeta(message)) return false;
  return body.members.has(SAFEGUARDS) || String(client.headers['anthropic-beta'] ?? '').includes(SAFEGUARDS);
}
