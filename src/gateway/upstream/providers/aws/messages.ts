import type { Secret } from '../../../../kernel/secret.ts';
import { codesOf, readJson } from '../../cloud-error-shapes.ts';
import { type CloudErrorRules, cloudJudgement } from '../../cloud-errors.ts';
import { judgedStream } from '../../judged-stream.ts';
import type { Judgement, Provider, ProviderParts, Refusal } from '../../provider.ts';
import { createMessagesFormat } from '../messages-format.ts';
import { createAwsAuthorisation } from './authorisation.ts';
import type { AwsCredentialOptions } from './credentials.ts';

/** An endpoint of AWS that speaks the Messages API. */
export interface AwsMessagesOptions {
  readonly origin: string;
  /** What paths begin with, before `/v1`. */
  readonly prefix: string;
  readonly region: string;
  /** The name that its requests are signed under. */
  readonly service: string;
  readonly credential: AwsCredentialOptions | { readonly kind: 'api_key'; readonly apiKey: Secret };
  /** Of the operator's and of the endpoint's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Says on a 400 that something is wrong with the account, where no code does. */
  readonly accountTrouble?: RegExp;
}

/** The keys are over, or not yet known everywhere: others may be had. An account without rights has the right keys. */
const STALE: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
]);

export function createAwsMessages(options: AwsMessagesOptions, parts: ProviderParts): Provider {
  const { origin, service, region, credential } = options;
  const prepareMessages = createMessagesFormat(options);
  const { host } = new URL(origin);
  const authorisation = createAwsAuthorisation(credential, { service, region, host }, parts);
  const rules: CloudErrorRules = { codes: {}, accountTrouble: options.accountTrouble };
  const judge = (refusal: Refusal): Judgement => cloudJudgement(refusal, rules);
  const stream = { name: parts.name, log: parts.log, judge, watched: 'all' } as const;
  return {
    origin,
    sendsPings: false,
    maxBodyBytes: undefined,
    boundsTimeToHeaders: false,
    countsTokens: true,
    prepare: (request) => authorisation.authorise(prepareMessages(request), request),
    judge(refusal) {
      const judgement = judge(refusal);
      if (!isStale(refusal) || !authorisation.refused(refusal.request)) return judgement;
      return { ...judgement, isWorthRepeating: true };
    },
    translate: (answer, request) => judgedStream(answer, request, stream),
  };
}

/** Keys that are over, or not known everywhere yet: the refusal says nothing of the request. */
export function isStale({ status, headers, body }: Refusal): boolean {
  return status === 401 || codesOf(headers, readJson(body)).some(isStaleCode);
}

/** The same by the error code alone, as any of AWS's services writes it. */
export function isStaleCode(code: string): boolean {
  return STALE.has(code);
}
