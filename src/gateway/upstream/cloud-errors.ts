import { anthropicEnvelope, codesOf, ownMessage, readJson } from './cloud-error-shapes.ts';
import { isUsageLimit, rebuiltMessage } from './cloud-error-words.ts';
import type { Judgement, Refusal, ShownError, Verdict } from './provider.ts';

/** How one cloud's refusals are told apart, where that differs from the usual: by code, then by status. */
export interface CloudErrorRules {
  /**
   * By the provider's own error code, as it writes it: `x-amzn-errortype` without what follows its colon, `__type` without
   * what precedes its `#`, or `code`, `error.status` or `error.code` of the body where they are words.
   */
  readonly codes: Readonly<Record<string, Verdict>>;
  /** By status, for what has no code of these. */
  readonly statuses?: Readonly<Record<number, Verdict>>;
  /** Says on a 400 of the provider's own shape that it does not serve the model, where its code says too little. */
  readonly missingModel?: RegExp;
  /** Says on a 400 of any shape that something is wrong with the account, where no code does. */
  readonly accountTrouble?: RegExp | undefined;
}

/** The codes that the clouds document; no two clouds use one code for different things. */
const CODES: Readonly<Record<string, Verdict>> = {
  AccessDeniedException: 'account',
  ExpiredToken: 'account',
  ExpiredTokenException: 'account',
  FTUFormNotFilled: 'account',
  IncompleteSignatureException: 'account',
  InvalidClientTokenId: 'account',
  InvalidSignatureException: 'account',
  MissingAuthenticationTokenException: 'account',
  OptInRequired: 'account',
  RequestExpired: 'account',
  SignatureDoesNotMatch: 'account',
  UnrecognizedClientException: 'account',
  ModelNotReadyException: 'capacity',
  ServiceQuotaExceededException: 'capacity',
  ThrottlingException: 'capacity',
  ResourceNotFoundException: 'model_missing',
  ModelErrorException: 'broken',
  ModelTimeoutException: 'broken',

  FAILED_PRECONDITION: 'account',
  PERMISSION_DENIED: 'account',
  UNAUTHENTICATED: 'account',
  RESOURCE_EXHAUSTED: 'capacity',
  NOT_FOUND: 'model_missing',
  UNIMPLEMENTED: 'unsupported',
  DEADLINE_EXCEEDED: 'broken',

  PermissionDenied: 'account',
  invalid_model_endpoint_authentication: 'account',
  DeploymentNotFound: 'model_missing',
};

const STATUSES: Readonly<Record<number, Verdict>> = {
  401: 'account',
  402: 'billing',
  403: 'account',
  404: 'model_missing',
  408: 'broken',
  424: 'broken',
  429: 'capacity',
  501: 'unsupported',
  529: 'capacity',
};

/**
 * What a cloud's refusal means, and what of it the developer may read (spec: error messages from upstreams): never an
 * account, an ARN or a project. The text is one of a closed set, or the message of an Anthropic envelope on 400 and 413.
 */
export function cloudJudgement(refusal: Refusal, rules: CloudErrorRules): Judgement {
  const said = readJson(refusal.body);
  const envelope = anthropicEnvelope(said);
  const message = envelope?.message ?? ownMessage(said);
  return {
    verdict: verdictOf(refusal, said, message, envelope !== undefined, rules),
    shown: shownOf(refusal, message, envelope),
  };
}

function verdictOf(
  { status, headers }: Refusal,
  said: unknown,
  message: string,
  isEnveloped: boolean,
  rules: CloudErrorRules,
): Verdict {
  const codes = codesOf(headers, said);
  for (const table of [rules.codes, CODES]) {
    const code = codes.find((candidate) => Object.hasOwn(table, candidate));
    if (code !== undefined) return table[code] ?? 'broken';
  }
  if (status === 400 && rules.accountTrouble?.test(message)) return 'account';
  if (status === 400 && isUsageLimit(message)) return 'billing';
  if (status === 400 && !isEnveloped && rules.missingModel?.test(message)) return 'model_missing';
  return rules.statuses?.[status] ?? STATUSES[status] ?? (isAboutRequest(status) ? 'request' : 'broken');
}

function isAboutRequest(status: number): boolean {
  return status >= 400 && status < 500;
}

function shownOf(
  { status, request }: Refusal,
  message: string,
  envelope: ShownError | undefined,
): ShownError {
  const type = envelope?.type ?? typeOf(status);
  if (status !== 400 && status !== 413) return { type, message: sentenceOf(status) };
  return { type, message: rebuiltMessage(message, envelope !== undefined, request) ?? sentenceOf(status) };
}

/** `error.type` for a status that came without one. */
function typeOf(status: number): string {
  return TYPES[status] ?? (isAboutRequest(status) ? 'invalid_request_error' : 'api_error');
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  409: 'conflict_error',
  413: 'request_too_large',
  424: 'api_error',
  429: 'rate_limit_error',
  501: 'not_supported',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function sentenceOf(status: number): string {
  return SENTENCES[status] ?? (isAboutRequest(status) ? 'upstream rejected the request' : 'upstream failed');
}

const SENTENCES: Readonly<Record<number, string>> = {
  401: "upstream refused the gateway's credential",
  402: "upstream cannot charge the gateway's account",
  403: "upstream refused the gateway's account",
  404: 'upstream does not serve this model',
  408: 'upstream timed out',
  413: 'request too large for this upstream',
  424: 'upstream model failed',
  429: 'upstream rate limit exceeded',
  501: 'not supported by the upstream',
  503: 'upstream unavailable',
  504: 'upstream timed out',
  529: 'upstream overloaded',
};
