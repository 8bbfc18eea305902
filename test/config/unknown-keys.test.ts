// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/config/nearest.ts';
import { errorsOf, fileWith, problemsOf } from './config-file.ts';

/** What is said of a key put at the end of a section of a valid file. */
function adviceFor(section: string, line: string): string {
  const text = section === '' ? `${fileWith()}${line}\n` : fileWith(sectionsWith(section, line));
  const found = problemsOf(text).filter(({ message }) => message === 'is not a known key');
  expect(found).toHaveLength(1);
  return `${found[0]?.path}: ${found[0]?.hint}`;
}

function sectionsWith(section: string, line: string): Record<string, string> {
  const bodies: Record<string, string> = {
    listen: `listen:\n  host: 127.0.0.1\n  ${line}\n`,
    'listen.tls': `listen:\n  host: 127.0.0.1\n  tls:\n    cert: /a\n    key: /b\n    ${line}\n`,
    oidc: `oidc:\n  issuer: https://login.example.com\n  client_id: a\n  client_secret: s\n  ${line}\n`,
    session: `session:\n  jwt_secret: n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s\n  ${line}\n`,
    store: `store:\n  embedded: /a\n  ${line}\n`,
    upstreams: `upstreams:\n  - provider: anthropic\n    auth: { api_key: k }\n    ${line}\n`,
    'upstreams.auth': `upstreams:\n  - provider: anthropic\n    auth:\n      api_key: k\n      ${line}\n`,
    policies: `managed:\n  policies:\n    - match: {}\n      ${line}\n`,
    match: `managed:\n  policies:\n    - match:\n        groups: [a]\n        ${line}\n    - match: {}\n`,
    log: `log:\n  format: text\n  ${line}\n`,
    limits: `limits:\n  ${line}\n`,
    models: `models:\n  - id: m\n    ${line}\n`,
  };
  const name = section === 'policies' || section === 'match' ? 'managed' : (section.split('.')[0] ?? '');
  return { [name]: bodies[section] ?? '' };
}

describe('an unknown key', () => {
  it.each([
    ['', 'lisen: {}', 'lisen: did you mean listen?'],
    ['', 'access_contol: {}', 'access_contol: did you mean access_control?'],
    ['listen', 'prot: 1', 'listen.prot: did you mean port?'],
    ['listen', 'publicUrl: x', 'listen.publicUrl: did you mean public_url?'],
    ['listen', 'PUBLIC-URL: x', 'listen.PUBLIC-URL: did you mean public_url?'],
    ['listen', 'trusted_proxy: []', 'listen.trusted_proxy: did you mean trusted_proxies?'],
    ['oidc', 'client_sceret: x', 'oidc.client_sceret: did you mean client_secret?'],
    ['oidc', 'scope: []', 'oidc.scope: did you mean scopes?'],
    ['session', 'ttl_hour: 1', 'session.ttl_hour: did you mean ttl_hours?'],
    ['upstreams.auth', 'api_keys: k', 'upstreams[0].auth.api_keys: did you mean api_key?'],
    ['match', 'group: [a]', 'managed.policies[0].match.group: did you mean groups?'],
    ['models', 'upstream_models: {}', 'models[0].upstream_models: did you mean upstream_model?'],
  ])('is a misspelling: %s %s', (section, line, advice) => {
    expect(adviceFor(section, line)).toBe(advice);
  });

  it.each([
    ['', 'public_url: x', 'public_url: public_url belongs elsewhere: listen.public_url'],
    ['', 'policies: []', 'policies: policies belongs elsewhere: managed.policies'],
    ['', 'allowCidrs: []', 'allowCidrs: allowCidrs belongs elsewhere: access_control.allow_cidrs'],
    ['oidc', 'jwt_secret: x', 'oidc.jwt_secret: jwt_secret belongs elsewhere: session.jwt_secret'],
    [
      'listen',
      'allow_cidrs: []',
      'listen.allow_cidrs: allow_cidrs belongs elsewhere: access_control.allow_cidrs',
    ],
    ['upstreams', 'api_key: k', 'upstreams[0].api_key: api_key belongs elsewhere: upstreams.auth.api_key'],
    [
      'policies',
      'groups: [a]',
      'managed.policies[0].groups: groups belongs elsewhere: managed.policies.match.groups',
    ],
    [
      'policies',
      'availableModels: []',
      'managed.policies[0].availableModels: availableModels belongs elsewhere: managed.policies.cli.availableModels',
    ],
  ])('belongs to another level: %s %s', (section, line, advice) => {
    expect(adviceFor(section, line)).toBe(advice);
  });

  it.each([
    ['', 'database_url: x', 'the database is store.postgres_url'],
    ['', 'providers: []', 'providers of models are listed in upstreams'],
    ['', 'idp: {}', 'the identity provider is the section oidc'],
    ['listen', 'bind: x', 'did you mean host?'],
    ['oidc', 'redirect_uri: x', 'the redirect URI is built from listen.public_url'],
    ['oidc', 'client_secret_file: /a', 'write client_secret: ${file:/path}'],
    ['session', 'secret: x', 'did you mean jwt_secret?'],
    ['store', 'url: x', 'did you mean postgres_url?'],
    ['store', 'path: x', 'did you mean embedded?'],
    ['upstreams', 'url: x', 'did you mean base_url?'],
    ['upstreams', 'kind: x', 'did you mean provider?'],
    ['policies', 'models: []', 'the allow-list is cli.availableModels'],
    ['log', 'level: debug', 'CLAUDE_GATEWAY_LOG_LEVEL'],
  ])('is another name of one: %s %s', (section, line, advice) => {
    expect(adviceFor(section, line)).toContain(advice);
  });

  it('that resembles nothing gets the keys that are possible', () => {
    expect(adviceFor('listen.tls', 'zzzzzz: 1')).toBe('listen.tls.zzzzzz: possible here: cert, key');
    expect(adviceFor('', '"": 1')).toContain('possible here: listen, oidc, session');
  });

  it('is hidden when it does not look like a name', () => {
    for (const key of ['k'.repeat(1_000), 'two words', '"a\\tb"', 'sk:ant'])
      expect(errorsOf(`${fileWith()}${key}: 1\n`)).toEqual(['["…"] is not a known key']);
    expect(errorsOf(`${fileWith()}a.b/c: 1\n`)).toEqual(['["a.b/c"] is not a known key']);
  });
});

describe('the nearest word', () => {
  it.each([
    ['prot', 'port'],
    ['posrt', 'port'],
    ['por', 'port'],
    ['PORT', 'port'],
    ['client-secret', 'client_secret'],
    ['clientscret', 'client_secret'],
  ])('of %s is %s', (word, expected) => {
    expect(nearest(word, ['host', 'client_id', 'port', 'client_secret'])).toBe(expected);
  });

  it.each(['', 'x', 'zebra', 'portholes', '🔑'])('of %j is none', (word) => {
    expect(nearest(word, ['host', 'port', 'client_id'])).toBeUndefined();
  });
});

describe('what comes with a later version', () => {
  it.each([
    'admin: { admin_groups: [a], nonsense: 1 }',
    'enforcement: { fail_closed_on_error: true }',
    'pricing: { multiplier: "${NOT_SET_X}" }',
  ])('is said to do so: %s', (line) => {
    const section = line.split(':')[0];
    const errors = errorsOf(`${fileWith()}${line}\n`, { env: { NOT_SET_X: 'x' } });
    expect(errors).toEqual([`${section} is not part of this version yet`]);
  });
});
