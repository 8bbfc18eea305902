import { describe, expect, it } from 'vitest';
import { configOf, errorsOf, problemsOf } from '../config-file.ts';
import { upstreams } from './upstream-file.ts';

const auth = (keys: string) => upstreams(`provider: anthropic, auth: { ${keys} }`);
const rule = 'federation_rule_id: fdrl_01';
const organization = 'organization_id: 00000000-0000-4000-8000-000000000000';
const file = 'identity_token_file: /var/run/secrets/anthropic/token';

describe('workload identity federation', () => {
  it('takes the place of a key', () => {
    const text = auth(`${rule}, ${organization}, ${file}`);
    expect(problemsOf(text)).toEqual([]);
    expect(configOf(text).upstreams[0]?.auth).toEqual({
      federation_rule_id: 'fdrl_01',
      organization_id: '00000000-0000-4000-8000-000000000000',
      identity_token_file: '/var/run/secrets/anthropic/token',
    });
    const more = 'workspace_id: default, service_account_id: svac_01';
    expect(problemsOf(auth(`${rule}, ${organization}, ${file}, ${more}`))).toEqual([]);
  });

  it.each([
    [rule, 'needs organization_id and identity_token_file beside federation_rule_id'],
    [`${rule}, ${file}`, 'needs organization_id beside federation_rule_id'],
    [
      'workspace_id: default',
      'needs federation_rule_id and organization_id and identity_token_file beside workspace_id',
    ],
    [
      `api_key: k, ${rule}, ${organization}, ${file}`,
      'holds api_key and federation_rule_id: exactly one is possible',
    ],
    [
      'oauth_token: t, service_account_id: svac_01',
      'holds oauth_token and service_account_id: exactly one is possible',
    ],
    ['', 'needs api_key or oauth_token, or federation_rule_id with what belongs to it'],
  ])('is refused by halves and beside a key: %s', (keys, words) => {
    expect(errorsOf(auth(keys))).toEqual([`upstreams[0].auth ${words}`]);
  });

  it('goes over TLS, except on this machine', () => {
    const at = (url: string) =>
      errorsOf(
        upstreams(`provider: anthropic, base_url: "${url}", auth: { ${rule}, ${organization}, ${file} }`),
      );
    expect(at('http://llm.example.com')).toEqual([
      'upstreams[0].base_url is plain http, and identity tokens are exchanged there',
    ]);
    expect(at('https://llm.example.com')).toEqual([]);
    expect(at('http://127.0.0.1:9000')).toEqual([]);
  });
});
