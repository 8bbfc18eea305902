// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import {
  check,
  configOf,
  errorsOf,
  fileWith,
  problemsOf,
  SECRET,
  sections,
  warningsOf,
} from './config-file.ts';

const fill = {
  listen: { host: '127.0.0.1', port: 9090 },
  oidc: { issuer: 'http://127.0.0.1:9091/idp', client_id: 'practice', client_secret: 'practice-secret' },
  session: { jwt_secret: SECRET },
  store: { embedded: '/tmp/store' },
  upstreams: [{ provider: 'anthropic', base_url: 'http://127.0.0.1:9092', auth: { api_key: 'practice' } }],
};

describe('what the program fills in', () => {
  it('is enough by itself, and nothing is warned of', () => {
    for (const text of ['', '{}\n', '# nothing\n']) {
      expect(check(text, { fill })).toMatchObject({ kind: 'valid', warnings: [] });
    }
    expect(configOf('', { fill }).upstreams[0]?.base_url).toBe('http://127.0.0.1:9092');
  });

  it('leaves what the file says', () => {
    const config = configOf('listen: { port: 7070, trusted_proxies: [10.0.0.1] }\n', { fill });
    expect(config.listen).toMatchObject({ host: '127.0.0.1', port: 7070, trusted_proxies: ['10.0.0.1'] });
  });

  it('does not merge lists', () => {
    const { upstreams } = configOf(sections.upstreams, { fill });
    expect(upstreams).toHaveLength(1);
    expect(upstreams[0]?.base_url).toBeUndefined();
  });

  it('takes the place of a key without a value', () => {
    expect(configOf('session:\noidc:\n  issuer: https://login.example.com\n', { fill }).oidc).toMatchObject({
      issuer: 'https://login.example.com',
      client_id: 'practice',
    });
  });

  it('is not expanded', () => {
    const text = 'session: {}\n';
    const literal = { ...fill, session: { jwt_secret: `\${NOT_A_VARIABLE}${SECRET}` } };
    expect(configOf(text, { fill: literal }).session.jwt_secret[0]?.reveal()).toContain('NOT_A_VARIABLE');
  });

  it('does not hide mistakes of the file, nor its warnings', () => {
    expect(errorsOf('listen: { prot: 1 }\n', { fill })).toEqual(['listen.prot is not a known key']);
    expect(warningsOf('oidc: { scopes: [openid] }\n', { fill })).toEqual([
      expect.stringContaining('oidc.scopes lacks offline_access'),
    ]);
  });

  it('has a place within the file when it is wrong itself', () => {
    const [problem] = problemsOf('# one line\nlisten: {}\n', {
      fill: { ...fill, listen: { port: -1, host: '127.0.0.1' } },
    });
    expect(problem).toMatchObject({ path: 'listen.port', line: 2 });
  });

  it('is not needed by a whole file', () => {
    expect(configOf(fileWith(), { fill }).oidc.client_id).toBe('sallyport');
  });
});
