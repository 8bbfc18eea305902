import { describe, expect, it } from 'vitest';
import { configOf, errorsOf, printed, problemsOf, warningsOf } from '../config-file.ts';
import { least, upstreams } from './upstream-file.ts';

const bedrock = (more: string) => upstreams(`provider: bedrock, region: us-east-1, ${more}`);

describe('keys of AWS', () => {
  const entries = [
    ['bedrock', 'provider: bedrock, region: us-east-1'],
    ['mantle', least.mantle],
    ['anthropicAws', least.anthropicAws],
  ] as const;

  it.each(entries)('may be left to the default chain: %s', (_provider, entry) => {
    expect(problemsOf(upstreams(`${entry}, auth: {}`))).toEqual([]);
    expect(configOf(upstreams(entry)).upstreams[0]?.auth).toEqual({});
  });

  it.each(entries)('come in pairs, with a session token or without: %s', (_provider, entry) => {
    const auth = (keys: string) => problemsOf(upstreams(`${entry}, auth: { ${keys} }`));
    expect(auth('aws_access_key_id: a, aws_secret_access_key: b')).toEqual([]);
    expect(auth('aws_access_key_id: a, aws_secret_access_key: b, aws_session_token: c')).toEqual([]);
  });

  it.each(entries)('are refused by halves: %s', (_provider, entry) => {
    const auth = (keys: string) => errorsOf(upstreams(`${entry}, auth: { ${keys} }`));
    expect(auth('aws_access_key_id: a')).toEqual([
      'upstreams[0].auth.aws_access_key_id is half of a key pair: aws_secret_access_key is missing',
    ]);
    expect(auth('aws_secret_access_key: b, aws_session_token: c')).toEqual([
      'upstreams[0].auth.aws_secret_access_key is half of a key pair: aws_access_key_id is missing',
    ]);
    expect(auth('aws_session_token: c')).toEqual([
      'upstreams[0].auth.aws_session_token belongs to a key pair, and there is none',
    ]);
  });

  it('are warned of beside a token or an API key that is used in their place', () => {
    const pair = 'aws_access_key_id: a, aws_secret_access_key: b';
    expect(warningsOf(bedrock(`auth: { aws_bearer_token: t, ${pair} }`))).toEqual([
      'upstreams[0].auth.aws_bearer_token is used, and the access key beside it is not',
    ]);
    expect(warningsOf(upstreams(`${least.anthropicAws}, auth: { api_key: k, ${pair} }`))).toEqual([
      'upstreams[0].auth.api_key is used, and the access key beside it is not',
    ]);
  });

  it('are shown to nobody', () => {
    const text = bedrock(
      'auth: { aws_access_key_id: 7, aws_secret_access_key: hunter2, aws_session_token: hunter3, aws_bearer_token: hunter4 }',
    );
    expect(errorsOf(text)).toHaveLength(1);
    expect(printed(text)).not.toMatch(/hunter/);
  });
});

describe('the region of an AWS upstream', () => {
  it.each(['bedrock', 'anthropicAws', 'mantle'] as const)('is required: %s', (provider) => {
    const entry = least[provider].replace(' region: us-east-1,', '').replace(', region: us-east-1', '');
    expect(errorsOf(upstreams(entry))).toEqual(['upstreams[0].region is required']);
    expect(errorsOf(upstreams(`${entry}, base_url: https://llm.example.com`))).toEqual([
      'upstreams[0].region is required: base_url does not name a region',
    ]);
  });

  it.each([
    'https://bedrock-runtime.us-west-2.amazonaws.com',
    'https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com',
    'https://vpce-0a1b-2c3d.bedrock-runtime.eu-central-1.vpce.amazonaws.com',
    'https://bedrock-mantle.ap-southeast-2.api.aws/anthropic',
  ])('is named by %s', (url) => {
    expect(problemsOf(upstreams(`provider: bedrock, base_url: "${url}"`))).toEqual([]);
  });

  it.each(['us-east-1.evil.example', 'us-east-1/..', 'a b', 'us-east-1#', '-us', '""'])(
    'cannot be %s, which would change the host that is called',
    (region) => {
      expect(errorsOf(upstreams(`provider: bedrock, region: ${region}`))).toEqual([
        expect.stringContaining('upstreams[0].region must be a region like us-east-1'),
      ]);
    },
  );
});

describe('a guardrail', () => {
  const guarded = (more = '') =>
    `provider: bedrock, region: us-east-1, guardrail: { id: gr4f1k2m9x0a, version: "3" }${more}`;

  it.each(['{ id: gr4f1k2m9x0a, version: "12" }', '{ id: gr4f1k2m9x0a, version: DRAFT }'])(
    'is %s',
    (value) => {
      expect(problemsOf(bedrock(`guardrail: ${value}`))).toEqual([]);
    },
  );

  it('may be an ARN', () => {
    const arn = 'arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/gr4f1k2m9x0a';
    expect(problemsOf(bedrock(`guardrail: { id: "${arn}", version: "1" }`))).toEqual([]);
  });

  it.each([
    ['{ id: gr1, version: 3 }', 'guardrail.version must be a version in quotes, or DRAFT, found 3'],
    ['{ id: gr1, version: "0" }', 'guardrail.version must be a version in quotes, or DRAFT, found "0"'],
    ['{ id: gr1, version: latest }', 'guardrail.version must be a version in quotes, or DRAFT'],
    ['{ id: gr1 }', 'guardrail.version is required'],
    ['{ id: "a b", version: "1" }', 'guardrail.id must be the id or ARN of a guardrail'],
    ['{ version: "1" }', 'guardrail.id is required'],
    ['gr1', 'guardrail must be a map of keys'],
  ])('is refused as %s', (value, words) => {
    expect(errorsOf(bedrock(`guardrail: ${value}`))).toEqual([expect.stringContaining(words)]);
  });

  it('is on every bedrock upstream or on none', () => {
    const other = (more: string) => `provider: bedrock, name: other, region: eu-west-1${more}`;
    expect(errorsOf(upstreams(other(''), guarded()))).toEqual([
      'upstreams[0] has no guardrail, and upstreams[1] has one: requests could go round it',
    ]);
    expect(problemsOf(upstreams(other(', guardrail: { id: another1, version: DRAFT }'), guarded()))).toEqual(
      [],
    );
    expect(problemsOf(upstreams(other(''), least.bedrock))).toEqual([]);
  });

  it('cannot be kept beside mantle; other providers are not its business', () => {
    expect(errorsOf(upstreams(guarded(), least.mantle))).toEqual([
      'upstreams[1] takes no guardrail, and upstreams[0] has one: requests could go round it',
    ]);
    expect(problemsOf(upstreams(guarded(), least.anthropic, least.vertex))).toEqual([]);
  });
});

describe('a role to assume', () => {
  const role = (inside: string, auth = '{}') => bedrock(`assume_role: { ${inside} }, auth: ${auth}`);
  const arn = 'role_arn: "arn:aws:iam::123456789012:role/path/claude-developers"';

  it.each([arn, `${arn}, external_id: "a:b/c"`, `${arn}, session_name: email`, `${arn}, session_name: sub`])(
    'is %s',
    (inside) => expect(problemsOf(role(inside))).toEqual([]),
  );

  it('may be in the government partition, and in no other', () => {
    const at = (partition: string) => role(`role_arn: "arn:${partition}:iam::123456789012:role/x"`);
    expect(problemsOf(at('aws-us-gov'))).toEqual([]);
    expect(errorsOf(at('aws-cn'))).toEqual([
      expect.stringContaining('assume_role.role_arn must be in the partition aws or aws-us-gov'),
    ]);
  });

  it.each([
    ['role_arn: "arn:aws:iam::123456789012:user/x"', 'role_arn must be the ARN of a role'],
    ['role_arn: "arn:aws:iam::1234:role/x"', 'role_arn must be the ARN of a role'],
    ['role_arn: claude', 'role_arn must be the ARN of a role'],
    ['external_id: abc', 'role_arn is required'],
    [`${arn}, external_id: "a b"`, 'external_id must be 2 to 1224 letters'],
    [`${arn}, session_name: name`, 'session_name must be one of email, sub, found "name"'],
  ])('is refused as %s', (inside, words) => {
    expect(errorsOf(role(inside))).toEqual([expect.stringContaining(`upstreams[0].assume_role.${words}`)]);
  });

  it('needs keys that sign', () => {
    expect(errorsOf(role(arn, '{ aws_bearer_token: t }'))).toEqual([
      'upstreams[0].assume_role is not possible with auth.aws_bearer_token: a role is assumed with keys that sign',
    ]);
    expect(problemsOf(role(arn, '{ aws_access_key_id: a, aws_secret_access_key: b }'))).toEqual([]);
  });
});

describe('what else an AWS upstream needs', () => {
  it('is models, on mantle', () => {
    expect(errorsOf(upstreams('provider: mantle, region: us-east-1'))).toEqual([
      'upstreams[0].models is required',
    ]);
    expect(errorsOf(upstreams('provider: mantle, region: us-east-1, models: []'))).toEqual([
      'upstreams[0].models must name at least one model',
    ]);
  });

  it('is a workspace, on Claude Platform on AWS', () => {
    expect(errorsOf(upstreams('provider: anthropicAws, region: us-east-1'))).toEqual([
      'upstreams[0].workspace_id is required',
    ]);
    expect(errorsOf(upstreams('provider: anthropicAws, region: us-east-1, workspace_id: "a\\nb"'))).toEqual([
      expect.stringContaining('upstreams[0].workspace_id must be the id of a workspace'),
    ]);
  });
});
