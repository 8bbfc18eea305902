// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, fileWith, printed, warningsOf } from '../config-file.ts';

const upstreams = (...items: readonly string[]) =>
  fileWith({ upstreams: `upstreams:\n${items.map((item) => `  - ${item}\n`).join('')}` });
const one = (more = '') => upstreams(`{ provider: anthropic, auth: { api_key: k }${more} }`);

describe('upstreams', () => {
  it('have defaults', () => {
    const [upstream] = configOf(one()).upstreams;
    expect(upstream).toMatchObject({
      provider: 'anthropic',
      name: 'anthropic',
      headers: {},
      forward_user_identity: false,
      weight: 1,
      strip: false,
    });
    if (upstream?.provider !== 'anthropic') throw new Error('another provider');
    expect(upstream.auth.api_key?.reveal()).toBe('k');
    expect(`${upstream.auth.api_key}`).toBe('[secret]');
  });

  it('take everything they know', () => {
    const all = `{ provider: anthropic, name: eu, base_url: https://llm.example.com/x/, auth: { oauth_token: t },
      headers: { x-team: platform }, models: ["claude-haiku-*", claude-opus-4-8], forward_user_identity: true,
      priority: 2, weight: 3, strip: [some-beta, metadata], max_connections: 50 }`;
    expect(configOf(upstreams(all)).upstreams[0]).toMatchObject({
      name: 'eu',
      priority: 2,
      strip: ['some-beta', 'metadata'],
    });
    expect(configOf(one(', strip: auto')).upstreams[0]?.strip).toBe('auto');
  });

  it.each([
    ['upstreams: []\n', 'upstreams must hold at least one upstream'],
    ['upstreams: anthropic\n', 'upstreams must be a list of upstreams, found a string'],
    ['upstreams: [anthropic]\n', 'upstreams[0] must be a map of keys, found a string'],
    ['upstreams: [{ auth: { api_key: k } }]\n', 'upstreams[0].provider is required'],
    ['upstreams: [{ provider: anthropic }]\n', 'upstreams[0].auth is required'],
    ['upstreams: [{ provider: anthropic, auth: {} }]\n', 'upstreams[0].auth needs api_key or oauth_token'],
    [
      'upstreams: [{ provider: openai, auth: { api_key: k } }]\n',
      'upstreams[0].provider must be one of anthropic, bedrock, mantle, anthropicAws, vertex, foundry, found "openai"',
    ],
    [
      'upstreams: [{ provider: anthropic, auth: { api_key: k, oauth_token: t } }]\n',
      'exactly one is possible',
    ],
    [
      'upstreams: [{ provider: anthropic, auth: { api_key: "" } }]\n',
      'must be an API key, found an empty string',
    ],
  ])('are refused as %j', (text, words) => {
    const errors = errorsOf(fileWith({ upstreams: text }));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(words);
  });

  it.each([
    [', name: ""', 'upstreams[0].name must be'],
    [', base_url: llm.example.com', 'upstreams[0].base_url must be an absolute https:// URL'],
    [', base_url: "https://u:p@llm.example.com"', 'without user, password'],
    [', models: [a b]', 'upstreams[0].models[0] must be a model id with at most one *'],
    [', models: ["*-*"]', 'upstreams[0].models[0] must be a model id with at most one *'],
    [', weight: 0', 'must be a whole number from 1'],
    [', priority: -1', 'must be a whole number from 0'],
    [', strip: true', 'must be auto, false or a list of betas and fields'],
    [', max_connections: 0', 'must be a whole number from 1 to 65535'],
  ])('are refused with %s', (more, words) => {
    expect(errorsOf(one(more))).toEqual([expect.stringContaining(words)]);
  });

  it('have names of their own', () => {
    const two = [
      '{ provider: anthropic, auth: { api_key: a } }',
      '{ provider: anthropic, auth: { api_key: b } }',
    ];
    expect(adviceOf(upstreams(...two))).toEqual([
      'upstreams[1].name must be unique, and upstreams[0] is called "anthropic" as well; give each of them a name: of its own',
    ]);
    const named = [
      '{ provider: anthropic, name: a, auth: { api_key: a } }',
      '{ provider: anthropic, auth: { api_key: b } }',
    ];
    expect(errorsOf(upstreams(...named))).toEqual([]);
  });
});

describe('priorities of upstreams', () => {
  const warnings = (...more: readonly string[]) =>
    warningsOf(
      upstreams(
        ...more.map((text, i) => `{ provider: anthropic, name: n${i}, auth: { api_key: k }${text} }`),
      ),
    );

  it('are given to all of them or to none', () => {
    expect(warnings('', '')).toEqual([]);
    expect(warnings(', priority: 1, weight: 2', ', priority: 1')).toEqual([]);
    expect(warnings(', priority: 10', ', priority: 10', '')).toEqual([
      'upstreams[2] has no priority while others have one: its place in the list counts, 2',
    ]);
  });
});

describe('headers of an upstream', () => {
  const headers = (inside: string, env = {}) => errorsOf(one(`, headers: ${inside}`), { env });

  it('are names and texts', () => {
    expect(headers('{ X-Team: platform, x-cost_centre: "12", "x!": "a b" }')).toEqual([]);
  });

  it.each([
    'authorization',
    'X-Api-Key',
    'host',
    'Content-Type',
    'user-agent',
    'anthropic-version',
    'Anthropic-Anything',
    'x-goog-user-project',
    'x-amz-date',
    'x-amzn-trace-id',
  ])('leave %s to the gateway', (name) => {
    expect(headers(`{ ${name}: a }`)).toEqual([
      `upstreams[0].headers.${name} is a header that the gateway sets itself`,
    ]);
  });

  it.each(['Content-Length', 'transfer-encoding', 'Connection', 'TE', 'accept-encoding', 'Cookie'])(
    'leave %s to the connection',
    (name) => {
      expect(headers(`{ ${name}: a }`)).toEqual([
        `upstreams[0].headers.${name} is a header of the connection, not of the request`,
      ]);
    },
  );

  it.each([
    ['{ x-num: 12 }', 'must be a string (put numbers and true/false in quotes), found a number'],
    ['{ x-flag: true }', 'must be a string (put numbers and true/false in quotes), found true or false'],
    ['{ x-list: [a] }', 'must be a string (put numbers and true/false in quotes), found a list'],
    ['{ x-empty: "" }', 'must not be empty'],
    ['{ x-blank: " a" }', 'must not begin or end with a blank'],
    ['{ x-line: "a\\nb" }', 'must be printable ASCII'],
    ['{ x-word: "gr\u00fcn" }', 'must be printable ASCII'],
    ['{ x-empty: "${EMPTY}" }', 'is empty: ${EMPTY} is set to nothing'],
    ['{ "x y": a }', 'is no header name'],
    ['{ "": a }', 'is no header name'],
    ['{ "x:": a }', 'is no header name'],
    ['{ x-a: a, X-A: b }', 'is the same header as x-a'],
    ['[x-a]', 'upstreams[0].headers must be a map'],
  ])('are refused as %s', (inside, words) => {
    expect(headers(inside, { EMPTY: '' })).toEqual([expect.stringContaining(words)]);
  });

  it('are shown to nobody, since they may be credentials', () => {
    const text = one(', headers: { x-auth: "Bearer hunter2\\u00e9", Authorization: hunter2 }');
    expect(errorsOf(text)).toHaveLength(2);
    expect(printed(text)).not.toContain('hunter2');
  });
});

describe('forward_user_identity', () => {
  it.each([
    '',
    ', base_url: https://api.anthropic.com',
    ', base_url: "https://API.anthropic.com./"',
    ', base_url: https://eu.api.anthropic.com',
  ])('is refused toward the Anthropic API%s', (address) => {
    expect(errorsOf(one(`, forward_user_identity: true${address}`))).toEqual([
      expect.stringContaining('upstreams[0].forward_user_identity is not possible toward the Anthropic API'),
    ]);
  });

  it('is fine toward other places', () => {
    for (const host of ['llm.example.com', 'anthropic.com.example.com', 'notanthropic.com'])
      expect(errorsOf(one(`, forward_user_identity: true, base_url: https://${host}`))).toEqual([]);
  });
});

describe('an upstream on this machine', () => {
  const text = one(', base_url: http://127.0.0.1:9000');

  it('is warned of, since connections to loopback are refused', () => {
    expect(adviceOf(text)).toEqual([expect.stringContaining('set CLAUDE_GATEWAY_ALLOW_LOOPBACK=1')]);
    expect(warningsOf(one(', base_url: https://localhost'))).toHaveLength(1);
  });

  it('is fine when they are allowed, and where that is not known', () => {
    expect(warningsOf(text, { env: { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' } })).toEqual([]);
    expect(warningsOf(text, { requiresEnv: false })).toEqual([]);
  });

  it('may be without TLS; another one is warned of', () => {
    expect(warningsOf(one(', base_url: http://llm.example.com'))).toEqual([
      expect.stringContaining('upstreams[0].base_url is plain http'),
    ]);
  });
});

describe('models', () => {
  const models = (inside: string, more = '') => fileWith({ models: `models: ${inside}\n${more}` });

  it('have ids, and names for people', () => {
    const text = models(
      '[{ id: m, label: M, description: "", upstream_model: { anthropic: claude-m } }, { id: n }]',
    );
    expect(configOf(text).models).toEqual([
      { id: 'm', label: 'M', description: '', upstream_model: { anthropic: 'claude-m' } },
      { id: 'n', upstream_model: {} },
    ]);
  });

  it.each([
    ['[{ label: M }]', 'models[0].id is required'],
    ['[{ id: 5 }]', 'models[0].id must be the id that clients ask for, found 5'],
    ['[{ id: m, upstream_model: claude-m }]', 'models[0].upstream_model must be a map'],
    ['[{ id: m, upstream_model: { anthropic: "" } }]', 'models[0].upstream_model.anthropic must be the id'],
    ['{ id: m }', 'models must be a list of models, found a map'],
    ['[{ id: m, upstreams: {} }]', 'models[0].upstreams is not a known key'],
  ])('are refused as %s', (inside, words) => {
    expect(errorsOf(models(inside))).toEqual([expect.stringContaining(words)]);
  });

  it('name upstreams that there are', () => {
    expect(adviceOf(models('[{ id: m, upstream_model: { antropic: a, elsewhere: b } }]'))).toEqual([
      'models[0].upstream_model.antropic is the name of no upstream; there are anthropic; did you mean anthropic?',
      'models[0].upstream_model.elsewhere is the name of no upstream; there are anthropic; use the name: of an upstream',
    ]);
  });

  it('are not held against upstreams that could not be read', () => {
    const text = fileWith({
      upstreams: 'upstreams: [{ provider: anthropic, name: 7, auth: { api_key: k } }]\n',
      models: 'models: [{ id: m, upstream_model: { seven: a } }]\n',
    });
    expect(errorsOf(text)).toEqual([expect.stringContaining('upstreams[0].name')]);
  });

  it('are warned of when two have one id, the [1m] mark aside', () => {
    expect(warningsOf(models('[{ id: m }, { id: "M[1m]" }]'))).toEqual([
      'models[1].id is the id of models[0] as well; the later one counts',
    ]);
  });

  it('are warned of when there are none at all', () => {
    expect(warningsOf(fileWith({ a: 'auto_include_builtin_models: false\n' }))).toEqual([
      'auto_include_builtin_models is false, and models is empty: no model is served',
    ]);
    expect(warningsOf(models('[{ id: m }]', 'auto_include_builtin_models: false\n'))).toEqual([]);
  });
});
