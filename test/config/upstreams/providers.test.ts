// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, printed, problemsOf, warningsOf } from '../config-file.ts';
import { least, providers, upstreams } from './upstream-file.ts';

describe('an upstream of each provider', () => {
  it.each(providers)('is valid with the least that it needs: %s', (provider) => {
    const text = upstreams(least[provider]);
    expect(problemsOf(text)).toEqual([]);
    expect(configOf(text).upstreams[0]).toMatchObject({
      provider,
      name: provider,
      headers: {},
      weight: 1,
      strip: provider === 'anthropic' ? false : 'auto',
    });
  });

  it('stands beside the others under its own name', () => {
    const all = configOf(upstreams(...providers.map((provider) => least[provider]))).upstreams;
    expect(all.map(({ name }) => name)).toEqual(providers);
  });

  it.each(providers)('needs a name when there are two of %s', (provider) => {
    expect(errorsOf(upstreams(least[provider], least[provider]))).toEqual([
      `upstreams[1].name must be unique, and upstreams[0] is called "${provider}" as well`,
    ]);
    expect(errorsOf(upstreams(least[provider], `name: other, ${least[provider]}`))).toEqual([]);
  });

  it.each(providers)('takes what every upstream takes: %s', (provider) => {
    const more =
      'headers: { x-team: a }, priority: 1, weight: 2, max_connections: 5, name: n, base_url: https://llm.example.com/x, strip: [some-beta]';
    expect(errorsOf(upstreams(`${least[provider]}, ${more}`))).toEqual([]);
    for (const strip of ['auto', 'false'])
      expect(errorsOf(upstreams(`${least[provider]}, strip: ${strip}`))).toEqual([]);
  });

  it.each(['model', 'messages', 'Tools', 'safeguards'])('leaves out no %s', (name) => {
    expect(errorsOf(upstreams(`${least.bedrock}, strip: [metadata, ${name}]`))).toEqual([
      `upstreams[0].strip[1] must be a beta or an optional field: without this one a request is another one, found "${name}"`,
    ]);
  });

  it.each(providers)('sets no header that the gateway sets itself: %s', (provider) => {
    const [problem] = problemsOf(upstreams(`${least[provider]}, headers: { x-api-key: a }`));
    expect(problem?.message).toBe('is a header that the gateway sets itself');
    expect(problem?.hint).toBe(provider === 'anthropic' ? 'write auth: { api_key: … }' : 'remove it');
  });
});

describe('a key of another provider', () => {
  it.each([
    [
      'mantle',
      'guardrail: { id: a, version: "1" }',
      'guardrail belongs to provider: bedrock, and this one is mantle',
    ],
    [
      'mantle',
      'assume_role: { role_arn: a }',
      'assume_role belongs to provider: bedrock, and this one is mantle',
    ],
    ['foundry', 'project_id: a', 'project_id belongs to provider: vertex, and this one is foundry'],
    [
      'anthropic',
      'region: us-east-1',
      'region belongs to provider: bedrock, mantle, anthropicAws, or vertex, and this one is anthropic',
    ],
    [
      'vertex',
      'forward_user_identity: true',
      'forward_user_identity belongs to provider: anthropic, and this one is vertex',
    ],
    ['bedrock', 'workspace_id: a', 'workspace_id belongs to provider: anthropicAws, and this one is bedrock'],
  ] as const)('is said to belong to it: %s with %s', (provider, more, words) => {
    expect(errorsOf(upstreams(`${least[provider]}, ${more}`))).toEqual([`upstreams[0].${words}`]);
  });

  it('is found inside auth as well', () => {
    const text = upstreams(
      'provider: bedrock, region: us-east-1, auth: { api_key: k, service_account_json: /k, nonsense: 1 }',
    );
    expect(errorsOf(text)).toEqual([
      'upstreams[0].auth.api_key belongs to provider: anthropic, anthropicAws, or foundry, and this one is bedrock',
      'upstreams[0].auth.service_account_json belongs to provider: vertex, and this one is bedrock',
      'upstreams[0].auth.nonsense is not a known key',
    ]);
    expect(adviceOf(text)[0]).toContain('remove it; possible here: aws_access_key_id, aws_secret_access_key');
  });

  it('stands at its own line and column, and its value is shown to nobody', () => {
    const text = upstreams('provider: vertex, region: global, project_id: a1, auth: { api_key: hunter2 }');
    const [problem] = problemsOf(text);
    expect(problem).toMatchObject({ path: 'upstreams[0].auth.api_key' });
    expect(text.split('\n')[(problem?.line ?? 0) - 1]?.slice((problem?.column ?? 0) - 1)).toMatch(
      /^api_key:/,
    );
    expect(printed(text)).not.toContain('hunter2');
  });
});

describe('a provider that is not known', () => {
  it('is told which there are, and the one that was meant', () => {
    expect(adviceOf(upstreams('provider: bedrok, region: us-east-1'))).toEqual([
      'upstreams[0].provider must be one of anthropic, bedrock, mantle, anthropicAws, vertex, foundry, found "bedrok"; did you mean bedrock?',
    ]);
    expect(adviceOf(upstreams('region: us-east-1'))).toEqual([
      'upstreams[0].provider is required; add provider: with one of anthropic, bedrock, mantle, anthropicAws, vertex, foundry',
    ]);
  });

  it('keeps nothing from being judged that is the same for all', () => {
    const text = upstreams(
      'provider: openai, weight: 0, headers: { host: a }, region: 7, nonsense: 1, auth: { api_key: k, zzz: 1 }',
      'provider: foundry, resource: a_b, auth: { api_key: "" }',
    );
    expect(errorsOf(text)).toEqual([
      expect.stringContaining('upstreams[0].provider must be one of'),
      expect.stringContaining('upstreams[0].weight must be a whole number'),
      'upstreams[0].headers.host is a header that the gateway sets itself',
      'upstreams[0].nonsense is not a known key',
      expect.stringContaining('upstreams[1].resource must be the name of a resource'),
      expect.stringContaining('upstreams[1].auth.api_key must be an API key'),
    ]);
  });

  it('may come from a variable, and is judged when that is set', () => {
    const text = upstreams('provider: "${CLOUD}", region: us-east-1');
    expect(configOf(text, { env: { CLOUD: 'bedrock' } }).upstreams[0]?.provider).toBe('bedrock');
    expect(errorsOf(text, { env: { CLOUD: 'foundry' } })).toContainEqual(
      expect.stringContaining('and this one is foundry'),
    );
    expect(errorsOf(text, { requiresEnv: false })).toEqual([]);
  });
});

describe('the address of a cloud', () => {
  const clouds = providers.filter((provider) => provider !== 'anthropic');
  const at = (provider: (typeof providers)[number], url: string) =>
    upstreams(`${least[provider]}, base_url: "${url}"`);

  it.each(clouds)('is refused on loopback unless that is allowed: %s', (provider) => {
    for (const url of [
      'http://127.0.0.1:9000',
      'https://localhost',
      'http://[::1]:9',
      'http://a.localhost',
    ]) {
      expect(adviceOf(at(provider, url))).toEqual([
        'upstreams[0].base_url is on this machine, and connections to loopback are refused; set CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 in the environment of the gateway',
      ]);
      expect(errorsOf(at(provider, url))).toHaveLength(1);
      expect(problemsOf(at(provider, url), { env: { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' } })).toEqual([]);
      expect(problemsOf(at(provider, url), { requiresEnv: false })).toEqual([]);
    }
  });

  it.each([
    ['http://169.254.169.254', 'a cloud metadata address'],
    ['https://169.254.10.1', 'a link-local address'],
    ['https://[fe80::1]', 'a link-local address'],
    ['http://metadata.google.internal', 'a cloud metadata name'],
    ['http://[fd00:ec2::254]', 'a cloud metadata address'],
    ['http://[::ffff:169.254.169.254]', 'a cloud metadata address'],
    ['http://0.0.0.0', 'the unspecified address'],
  ])('is refused at %s, allowed loopback or not', (url, words) => {
    for (const env of [{}, { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' }])
      expect(errorsOf(at('bedrock', url), { env })).toEqual([
        `upstreams[0].base_url is ${words}, and connections to it are refused`,
      ]);
    expect(warningsOf(at('anthropic', url))).toEqual([expect.stringContaining(`is ${words}`)]);
  });

  it('may be private, and is warned of without TLS', () => {
    expect(problemsOf(at('bedrock', 'https://10.1.2.3'))).toEqual([]);
    expect(warningsOf(at('vertex', 'http://10.1.2.3'))).toEqual([expect.stringContaining('is plain http')]);
  });
});
