import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../src/config/managed.ts';
import { createAllowListJudge } from '../../src/gateway/doors/judge-allow-list.ts';
import { adviceOf, configOf, errorsOf, fileWith, warningsOf } from './config-file.ts';

const managed = (policies: readonly string[], more = '') =>
  fileWith({
    managed: `managed:\n${more}  policies:\n${policies.map((policy) => `    - ${policy}\n`).join('')}`,
  });
const ALL = '{ match: {} }';
const matching = (match: string) => errorsOf(managed([`{ match: ${match} }`, ALL]));

describe('whom a policy matches', () => {
  it('is everybody, some groups, a domain, or both', () => {
    const text = managed(['{ match: { groups: [a, b], email_domain: "@Example.com" } }', ALL]);
    expect(configOf(text).managed.policies[0]?.match).toEqual({
      groups: ['a', 'b'],
      email_domain: '@Example.com',
    });
    expect(configOf(text).managed.policies[1]?.match).toEqual({});
  });

  it.each([
    ['{ groups: [] }', 'groups must name at least one group'],
    ['{ groups: [eng, ""] }', 'groups[1] must be the name of a group, and not empty'],
    ['{ groups: [" "] }', 'groups[0] must be the name of a group, and not empty'],
    ['{ groups: eng }', 'groups must be a list of groups, found "eng"'],
    ['{ groups: [7] }', 'groups[0] must be the name of a group, found 7'],
    ['{ email_domain: "" }', 'email_domain must name a domain'],
    ['{ email_domain: "@" }', 'email_domain must name a domain'],
    ['{ email_domain: " @ " }', 'email_domain must name a domain'],
    ['{ email_domain: "@ example.com" }', 'email_domain must be one email domain'],
    ['{ email_domain: "@@example.com" }', 'email_domain must be one email domain'],
    ['{ email_domain: a@example.com }', 'email_domain must be one email domain'],
    ['{ email_domain: "a.com,b.com" }', 'email_domain must be one email domain'],
    ['{ email_domain: "a b.com" }', 'email_domain must be one email domain'],
    ['{ email_domain: [a.com] }', 'email_domain must be one email domain like example.com, found a list'],
    ['{ emails: [a@example.com] }', 'emails is not a known key'],
  ])('is refused as %s', (match, words) => {
    const errors = matching(match);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`managed.policies[0].match.${words}`);
  });

  it('may have blanks around the domain', () => {
    expect(matching('{ email_domain: " @Example.com " }')).toEqual([]);
  });

  it('must be said, and {} says everybody', () => {
    expect(adviceOf(managed(['{ cli: {} }', ALL]))).toEqual([
      'managed.policies[0].match is required; add match: with groups or email_domain; match: {} is everybody',
    ]);
  });
});

describe('policies together', () => {
  it.each([
    ['the same groups', '{ groups: [a] }', '{ groups: [a] }'],
    ['some of the groups', '{ groups: [a, b] }', '{ groups: [b] }'],
    ['a group and a domain', '{ groups: [a] }', '{ groups: [a], email_domain: example.com }'],
    ['the same domain in another case', '{ email_domain: Example.com }', '{ email_domain: "@example.COM" }'],
  ])('warn of one that an earlier one leaves nobody for: %s', (_what, first, second) => {
    expect(warningsOf(managed([`{ match: ${first} }`, `{ match: ${second} }`, ALL]))).toEqual([
      'managed.policies[1].match can match nobody: managed.policies[0] matches all of them first',
    ]);
  });

  it.each([
    ['more groups', '{ groups: [a] }', '{ groups: [a, b] }'],
    ['a narrower one first', '{ groups: [a], email_domain: example.com }', '{ groups: [a] }'],
    ['another domain', '{ email_domain: a.example }', '{ email_domain: b.example }'],
    ['another case', '{ groups: [a] }', '{ groups: [A] }'],
  ])('say nothing of %s', (_what, first, second) => {
    expect(warningsOf(managed([`{ match: ${first} }`, `{ match: ${second} }`, ALL]))).toEqual([]);
  });

  it('are not shadowed by one for everybody, wherever it stands', () => {
    expect(warningsOf(managed([ALL, '{ match: { groups: [a] } }']))).toEqual([]);
  });

  it('warn of a domain that cannot sign in', () => {
    const oidc =
      'oidc: { issuer: "https://login.example.com", client_id: a, client_secret: s, allowed_email_domains: [example.com] }\n';
    const policies =
      'managed: { policies: [{ match: { email_domain: example.org } }, { match: { email_domain: EXAMPLE.com } }, { match: {} }] }\n';
    expect(warningsOf(fileWith({ oidc, managed: policies }))).toEqual([
      'managed.policies[0].match.email_domain can match nobody: oidc.allowed_email_domains lets nobody with it sign in',
    ]);
  });

  it('warn of two for everybody, and of none', () => {
    expect(warningsOf(managed([ALL, ALL]))).toEqual([
      'managed.policies[1].match is a second one for everybody; it is merged onto managed.policies[0]',
    ]);
    expect(warningsOf(managed(['{ match: { groups: [a] } }']))).toEqual([
      'managed.policies has no policy for everybody: people whom none matches may use every model',
    ]);
    expect(warningsOf(fileWith({ managed: 'managed: { policies: [] }\n' }))).toEqual([]);
  });

  it('are not judged by one that has a mistake', () => {
    expect(warningsOf(managed(['{ match: { groups: [] } }', '{ match: { groups: [a] } }']))).toEqual([]);
  });
});

describe('the settings of a policy', () => {
  it.each(['cli', 'settings', 'code'])('are called %s', (name) => {
    const text = managed([`{ match: {}, ${name}: { model: opus } }`]);
    const [policy] = configOf(text).managed.policies;
    expect(policy && settingsOf(policy)).toEqual({ model: 'opus' });
  });

  it('may be none', () => {
    const [policy] = configOf(managed([ALL])).managed.policies;
    expect(policy && settingsOf(policy)).toEqual({});
  });

  it('do not mix code with the older names, in whatever policy', () => {
    expect(errorsOf(managed(['{ match: { groups: [a] }, cli: {} }', '{ match: {}, code: {} }']))).toEqual([
      'managed.policies[1].code is the newer name of cli, which managed.policies[0] uses: the two do not mix',
    ]);
    expect(errorsOf(managed(['{ match: {}, code: {}, settings: {} }']))).toEqual([
      'managed.policies[0].code is the newer name of settings, which managed.policies[0] uses: the two do not mix',
    ]);
  });

  it('stand once in a policy', () => {
    expect(errorsOf(managed(['{ match: {}, cli: {}, settings: {} }']))).toEqual([
      'managed.policies[0].settings is the older name of cli, which stands beside it',
    ]);
    expect(errorsOf(managed(['{ match: { groups: [a] }, settings: {} }', '{ match: {}, cli: {} }']))).toEqual(
      [],
    );
  });
});

describe('an allow-list', () => {
  const inputs = { judgeAllowList: createAllowListJudge() };
  const warnings = (cli: string, more = '') =>
    warningsOf(managed([`{ match: {}, cli: ${cli} }`]) + more, inputs);
  const path = 'managed.policies[0].cli.availableModels';

  it('that is empty is warned of', () => {
    expect(warnings('{ availableModels: [] }')).toEqual([
      `${path} is empty: whom this policy matches may use no model`,
    ]);
  });

  it('that names no model is warned of, entry by entry', () => {
    expect(warnings('{ availableModels: [opus, gpt-5, "claude-sonnet-4-6[1m]"] }')).toEqual([
      `${path}[1] names no model of the catalog, found "gpt-5"`,
    ]);
  });

  it('that names only what no upstream can serve is warned of', () => {
    const upstreams =
      'upstreams: [{ provider: anthropic, models: ["claude-sonnet-*"], auth: { api_key: k } }]\n';
    const text = fileWith({
      upstreams,
      managed: 'managed: { policies: [{ match: {}, cli: { availableModels: [opus, sonnet, gpt-5] } }] }\n',
    });
    expect(warningsOf(text, inputs)).toEqual([
      `${path}[0] names only models that no upstream can serve, found "opus"`,
      `${path}[2] names no model of the catalog, found "gpt-5"`,
    ]);
    expect(
      warnings('{ availableModels: [sonnet, nobodys] }', 'models: [{ id: nobodys, upstream_model: {} }]\n'),
    ).toEqual([`${path}[1] names only models that no upstream can serve, found "nobodys"`]);
  });

  it('may name models of the file', () => {
    const own = 'models: [{ id: house-model, upstream_model: { anthropic: x } }]\n';
    expect(warnings('{ availableModels: [house-model, sonnet] }', own)).toEqual([]);
    expect(warnings('{ availableModels: [opus] }', `${own}auto_include_builtin_models: false\n`)).toEqual([
      `${path}[0] names no model of the catalog, found "opus"`,
    ]);
  });

  it('without a model to start with is warned of, unless clients are told another', () => {
    const left = [`${path} leaves out every model that clients start with: their first request is refused`];
    expect(warnings('{ availableModels: [haiku] }')).toEqual(left);
    expect(warnings('{ availableModels: [opus, haiku], deniedModels: [opus] }')).toEqual(left);
    expect(warnings('{ availableModels: [haiku], model: haiku }')).toEqual([]);
    expect(warnings('{ availableModels: [haiku], enforceAvailableModels: true }')).toEqual([]);
    expect(warnings('{ availableModels: [claude-sonnet-4-6] }')).toEqual([]);
  });

  it('may lean on the policy for everybody', () => {
    const text = managed([
      '{ match: { groups: [a] }, cli: { availableModels: [haiku] } }',
      '{ match: {}, cli: { model: haiku } }',
    ]);
    expect(warningsOf(text, inputs)).toEqual([]);
  });

  it('is judged by its form alone where there is no catalog', () => {
    expect(warningsOf(managed(['{ match: {}, cli: { availableModels: [gpt-5] } }']))).toEqual([]);
  });
});
