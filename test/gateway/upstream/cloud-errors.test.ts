import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CloudErrorRules, cloudJudgement } from '../../../src/gateway/upstream/cloud-errors.ts';
import type { OutgoingRequest } from '../../../src/gateway/upstream/provider.ts';
import { outgoingRequest } from '../../support/outgoing-request.ts';
import { many } from '../../support/property-runs.ts';
import { USAGE_LIMITS } from './usage-limits.ts';

const RULES: CloudErrorRules = { codes: {} };

interface Said {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly request?: OutgoingRequest;
}

function judged({ status = 400, body = '', headers = {}, request = outgoingRequest() }: Said, rules = RULES) {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return cloudJudgement({ status, headers, body: bytes, request }, rules);
}

const shown = (said: Said) => judged(said).shown?.message;
const aws = (message: string) => ({ message });
const google = (message: string) => ({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } });
const azure = (message: string) => ({ error: { code: 'BadRequest', message } });
const enveloped = (type: string, message: string) => ({ type: 'error', error: { type, message } });

describe('what a developer reads of a refusal by a cloud', () => {
  it.each([400, 413])('is the message of an Anthropic envelope on %i, and nothing else of it', (status) => {
    const body = { ...enveloped('invalid_request_error', 'prompt is too long: 2 > 1'), arn: 'arn:aws:x' };
    expect(judged({ status, body }).shown).toEqual({
      type: 'invalid_request_error',
      message: 'prompt is too long: 2 > 1',
    });
  });

  it('is a sentence for any other status, envelope or not, with the type that the envelope gave', () => {
    const body = enveloped('rate_limit_error', 'organization org-1 is over its limit');
    expect(judged({ status: 429, body }).shown).toEqual({
      type: 'rate_limit_error',
      message: 'upstream rate limit exceeded',
    });
    expect(judged({ status: 503, body: aws('host i-0abc is down') }).shown).toEqual({
      type: 'overloaded_error',
      message: 'upstream unavailable',
    });
  });

  it.each([
    ['Input is too long for requested model.', 'capability_rejected: prompt_too_long'],
    [
      'The model returned the following errors: prompt is too long: 5 tokens > 4 maximum',
      'capability_rejected: prompt_too_long',
    ],
    ['Input is too long.', 'Input is too long.'],
    ['The request size (33.1 MB) exceeds 30 MB limit.', 'Input is too long.'],
    ['The message size (33.1 MB) exceeds the 30 MB limit.', 'Input is too long.'],
    ['The request size (33.1 MB) exceeds 30 MB limit. Ask acme-project.', 'upstream rejected the request'],
    ['Quota of account 123456789012 is used up', 'upstream rejected the request'],
  ])('tells of a prompt that is too long: %s', (said, told) => {
    for (const body of [aws(said), google(said), azure(said), [google(said)], { Message: said }])
      expect(shown({ body })).toBe(told);
  });

  it.each([
    'Unexpected value(s) `fast-mode-2026-02-01` for the `anthropic-beta` header. Account 123456789012.',
    'The model returned the following errors: Unexpected value(s) `fast-mode-2026-02-01`, `b` for the `anthropic-beta` header',
    'invalid beta flag: fast-mode-2026-02-01',
    'invalid beta flag `fast-mode-2026-02-01`.',
  ])('names a refused beta in the words that clients recover from: %s', (said) => {
    expect(shown({ body: aws(said) })).toBe(
      'Unexpected value(s) `fast-mode-2026-02-01` for the `anthropic-beta` header',
    );
  });

  it.each([
    ['tools.0.custom.strict: Extra inputs are not permitted', 'tools.0.custom.strict'],
    ['Malformed input request: #: extraneous key [metadata] is not permitted, please try again', 'metadata'],
    [
      'Invalid JSON payload received. Unknown name "context_management": Cannot find field.',
      'context_management',
    ],
  ])('names a refused field in the words that clients recover from: %s', (said, field) => {
    for (const body of [aws(said), [google(said)]])
      expect(shown({ body })).toBe(`${field}: Extra inputs are not permitted`);
  });

  it.each([
    ['a name of more than 64 characters', `${'a'.repeat(65)}: Extra inputs are not permitted`],
    ['an ARN', 'arn:aws:bedrock:us-east-1:123456789012:model/acme: Extra inputs are not permitted'],
    ['a resource', 'projects/acme-prod: Extra inputs are not permitted'],
    ['an account', '123456789012: Extra inputs are not permitted'],
    ['an account in a name', 'role-123456789012: Extra inputs are not permitted'],
    ['words after it', 'invalid beta flag provided for 123456789012'],
    ['other characters', 'invalid beta flag: <b>'],
  ])('does not name what may be something else: %s', (_what, said) => {
    expect(shown({ body: aws(said) })).toBe('upstream rejected the request');
  });

  it('holds the word safeguards whenever these were what was refused', () => {
    const named = outgoingRequest({ safeguards: { level: 1 } });
    const withBeta = outgoingRequest({}, { 'anthropic-beta': 'safeguards-2026-09-01' });
    const told = [
      shown({ body: aws('safeguards: Extra inputs are not permitted') }),
      shown({ body: aws('invalid beta flag: safeguards-2026-09-01') }),
      shown({ body: aws('Safeguards cannot be used by account 123456789012') }),
      shown({ body: aws('invalid beta flag'), request: named }),
      shown({ body: aws('invalid beta flag'), request: withBeta }),
      shown({ body: enveloped('invalid_request_error', 'safeguards are unknown here') }),
    ];
    for (const text of told) expect(text).toMatch(/safeguards/);
    expect(shown({ body: aws('invalid beta flag') })).toBe('upstream rejected the request');
    expect(shown({ body: aws('max_tokens is too large'), request: named })).not.toMatch(/safeguards/);
  });

  it('is one of a closed set, whatever a cloud says', () => {
    const words = fc.constantFrom(
      'arn:aws:iam::123456789012:role/acme',
      '123456789012',
      'projects/acme-prod',
      'Unexpected value(s) `',
      '` for the `anthropic-beta` header',
      ': Extra inputs are not permitted',
      '#/123456789012/a: extraneous key [',
      '#: extraneous key [',
      '] is not permitted',
      'invalid beta flag: ',
      'Unknown name "',
      'The request size (',
      'exceeds',
      'MB limit.',
      'prompt is too long',
      'safeguards',
      ' ',
    );
    const message = fc
      .array(fc.oneof(words, fc.string({ unit: 'binary', maxLength: 10 })), { maxLength: 6 })
      .map((parts) => parts.join(''));
    const body = fc.oneof(
      message.map(aws),
      message.map(google),
      message.map((text) => [azure(text)]),
      message.map((error) => ({ error })),
      fc.json({ maxDepth: 3 }),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), body, (status, said) => {
        const answer = judged({ status, body: said }).shown;
        expect(answer?.message).toMatch(CLOSED_SET);
        expect(answer?.message).not.toMatch(/arn:|123456789012|acme/);
        expect(answer?.type).toMatch(/^[a-z_]+$/);
      }),
      many(),
    );
  });
});

const CLOSED_SET = new RegExp(
  `^(?:${[
    'Input is too long\\.',
    'capability_rejected: prompt_too_long',
    'Unexpected value\\(s\\) `[\\w.-]{1,64}` for the `anthropic-beta` header',
    '[\\w.-]{1,64}: Extra inputs are not permitted',
    'request too large for this upstream',
    'not supported by the upstream',
    "upstream [a-z' ]{5,50}",
  ].join('|')})$`,
);

describe('what a refusal by a cloud means', () => {
  it.each([
    [400, 'request'],
    [413, 'request'],
    [422, 'request'],
    [401, 'account'],
    [402, 'billing'],
    [403, 'account'],
    [404, 'model_missing'],
    [408, 'broken'],
    [424, 'broken'],
    [429, 'capacity'],
    [501, 'unsupported'],
    [529, 'capacity'],
    [500, 'broken'],
    [503, 'broken'],
    [302, 'broken'],
  ] as const)('goes by the status where nothing finer is said: %i', (status, verdict) => {
    expect(judged({ status, body: 'no JSON' }).verdict).toBe(verdict);
  });

  it.each([
    [
      'credentials that are over, as a 400',
      400,
      { __type: 'com.amazon.coral.service#ExpiredTokenException' },
    ],
    ['credentials that are over, in XML names', 400, { code: 'ExpiredToken' }],
    ['a form that nobody has filled in', 404, { code: 'FTUFormNotFilled', message: 'x' }],
    ['a project without the API', 400, [{ error: { code: 400, status: 'FAILED_PRECONDITION' } }]],
  ])('is about the account: %s', (_what, status, body) => {
    expect(judged({ status, body }).verdict).toBe('account');
  });

  it.each(USAGE_LIMITS)('is about money: %s', (text) => {
    for (const body of [aws(text), google(text), azure(text), enveloped('invalid_request_error', text)])
      expect(judged({ status: 400, body }).verdict).toBe('billing');
  });

  it('goes by the code in the header of AWS, without what follows its colon', () => {
    const headers = { 'x-amzn-errortype': 'ExpiredTokenException:http://internal.amazon.com/x' };
    expect(judged({ headers, body: aws('x') }).verdict).toBe('account');
    expect(judged({ headers: { 'x-amzn-errortype': 'ValidationException' }, body: aws('x') }).verdict).toBe(
      'request',
    );
  });

  it('goes by the code of Google inside a list, and by that of Azure', () => {
    const exhausted = [{ error: { code: 400, message: 'x', status: 'RESOURCE_EXHAUSTED' } }];
    expect(judged({ body: exhausted }).verdict).toBe('capacity');
    expect(
      judged({ status: 400, body: { error: { code: 'DeploymentNotFound', message: 'x' } } }).verdict,
    ).toBe('model_missing');
  });

  it('is what a provider says of its own codes, statuses and texts first', () => {
    const rules: CloudErrorRules = {
      codes: { ResourceNotFoundException: 'broken' },
      statuses: { 409: 'capacity' },
      missingModel: /model identifier is invalid/,
    };
    const code = { 'x-amzn-errortype': 'ResourceNotFoundException' };
    expect(judged({ status: 404, headers: code }, rules).verdict).toBe('broken');
    expect(judged({ status: 409 }, rules).verdict).toBe('capacity');
    expect(judged({ body: aws('The provided model identifier is invalid.') }, rules).verdict).toBe(
      'model_missing',
    );
  });
});
