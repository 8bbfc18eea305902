// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { adviceOf, check, configOf, errorsOf, fileWith, problemsOf, SECRET } from './config-file.ts';

const oidc = (lines: string) =>
  fileWith({ oidc: `oidc:\n  issuer: https://login.example.com\n  client_secret: s\n${lines}` });
const policy = (settings: string) =>
  fileWith({ managed: `managed:\n  policies:\n    - match: {}\n      cli:\n${settings}` });

describe('${VAR}', () => {
  it('is filled in anywhere in a string', () => {
    const { client_id } = configOf(oidc('  client_id: a-${X}-${Y}${X}\n'), { env: { X: 'x', Y: 'y' } }).oidc;
    expect(client_id).toBe('a-x-yx');
  });

  it('is filled in once: what comes in is not looked at again', () => {
    const env = { X: '${Y}', Y: 'no' };
    expect(configOf(oidc('  client_id: "${X}"\n'), { env }).oidc.client_id).toBe('${Y}');
  });

  it('cannot change the structure', () => {
    const env = { X: 'a\nclient_secret: b\n- c: {d: [e]}' };
    expect(configOf(oidc('  client_id: ${X}\n'), { env }).oidc.client_id).toBe(env.X);
    expect(errorsOf(oidc('  client_id: a\n  scopes: ${X}\n'), { env: { X: '[openid]' } })).toEqual([
      'oidc.scopes must be a list of scopes, found "[openid]"',
    ]);
  });

  it('is literal after another $', () => {
    expect(configOf(oidc('  client_id: $${X}-${Y}\n'), { env: { Y: 'y' } }).oidc.client_id).toBe('${X}-y');
    expect(configOf(oidc('  client_id: $$${Y}\n'), { env: { Y: 'y' } }).oidc.client_id).toBe('$${Y}');
  });

  it('that is not set is an error naming it, at its place', () => {
    expect(problemsOf(oidc('  client_id: ${MISSING}\n'))).toMatchObject([
      {
        path: 'oidc.client_id',
        line: 6,
        column: 14,
        message: 'names the variable MISSING, which is not set',
      },
    ]);
  });

  it('names what every object has as little as other variables', () => {
    expect(errorsOf(oidc('  client_id: ${constructor}${toString}\n'))).toEqual([
      'oidc.client_id names the variable constructor, which is not set',
      'oidc.client_id names the variable toString, which is not set',
    ]);
  });

  it('of a client is kept with $$, and the error says so', () => {
    expect(adviceOf(policy('        apiKeyHelper: echo ${TOKEN}\n'))).toEqual([
      expect.stringContaining('$${…} keeps it for the client'),
    ]);
    const text = policy('        apiKeyHelper: echo $${TOKEN}\n');
    expect(configOf(text).managed.policies[0]?.cli?.['apiKeyHelper']).toBe('echo ${TOKEN}');
  });

  it.each(['${}', '${a-b}', '${A:-b}', '${1A}', 'a ${ b', '${A', '${A${B}}'])('is refused as %s', (text) => {
    expect(errorsOf(oidc(`  client_id: '${text}'\n`), { env: { A: 'a', B: 'b' } }).join('\n')).toContain(
      'holds a ${ that is no ${VARIABLE} or ${file:/path}',
    );
  });

  it('stays as it is in a key', () => {
    const text = fileWith({ models: 'models: [{id: a, upstream_model: {"${X}": b}}]\n' });
    expect(errorsOf(text, { env: { X: 'anthropic' } })[0]).toBe(
      'models[0].upstream_model["…"] is the name of no upstream; there are anthropic',
    );
  });

  it('that is empty is an error where a value is needed, naming the variable', () => {
    expect(errorsOf(oidc('  client_id: ${X}${Y}\n'), { env: { X: '', Y: '' } })).toEqual([
      'oidc.client_id is empty: ${X}${Y} is set to nothing',
    ]);
  });

  it('may be empty where a text may be', () => {
    const text = fileWith({ models: 'models: [{id: a, label: "${X}", upstream_model: {anthropic: b}}]\n' });
    expect(configOf(text, { env: { X: '' } }).models[0]?.label).toBe('');
    const settings = policy('        env: {HTTP_PROXY: "${X}"}\n');
    expect(configOf(settings, { env: { X: '' } }).managed.policies[0]?.cli?.['env']).toEqual({
      HTTP_PROXY: '',
    });
  });
});

describe('a number or boolean', () => {
  it('may come from a variable', () => {
    const changes = {
      listen: 'listen: {host: 127.0.0.1, port: "${PORT}"}\n',
      session: `session: {jwt_secret: ${SECRET}, ttl_hours: "\${HOURS}"}\n`,
      store: 'store: {embedded: /a, prepared_statements: "${FLAG}"}\n',
      managed:
        'managed: {policies: [{match: {}, cli: {cleanupPeriodDays: "${DAYS}", verbose: "${FLAG}"}}]}\n',
    };
    const config = configOf(fileWith(changes), {
      env: { PORT: '8443', HOURS: '0.5', FLAG: 'false', DAYS: '30' },
    });
    expect(config.listen.port).toBe(8443);
    expect(config.session.ttl_hours).toBe(0.5);
    expect(config.store.prepared_statements).toBe(false);
    expect(config.managed.policies[0]?.cli).toEqual({ cleanupPeriodDays: 30, verbose: false });
  });

  it('in a variable stays a text where one is wanted', () => {
    expect(configOf(oidc('  client_id: ${ID}\n'), { env: { ID: '12345' } }).oidc.client_id).toBe('12345');
  });

  it.each(['80a', '', ' ', '0x50', '1e400', '70000', 'true'])('from a variable is judged: %j', (PORT) => {
    const text = fileWith({ listen: 'listen: {host: 127.0.0.1, port: "${PORT}"}\n' });
    expect(errorsOf(text, { env: { PORT } })[0]).toMatch(/^listen\.port (?:must be a whole number|is empty)/);
  });

  it('in quotes is a text, and that is said', () => {
    expect(adviceOf(fileWith({ listen: 'listen: {host: 127.0.0.1, port: "8443"}\n' }))).toEqual([
      'listen.port must be a whole number from 0 to 65535, found "8443"; write it without quotes',
    ]);
  });
});

describe('${file:/path}', () => {
  it('is the content of the file, trimmed and not looked at again', () => {
    const files = { '/run/secrets/id': '  the-id ${NOT}\n\n' };
    expect(configOf(oidc('  client_id: ${file:/run/secrets/id}\n'), { files }).oidc.client_id).toBe(
      'the-id ${NOT}',
    );
  });

  it('is read once, so that all who name it get the same', () => {
    let reads = 0;
    const text = oidc('  client_id: ${file:/a}\n  login_notice: ${file:/a}\n');
    const readFile = () => {
      reads += 1;
      return `content ${reads}`;
    };
    expect(configOf(text, { readFile }).oidc).toMatchObject({
      client_id: 'content 1',
      login_notice: 'content 1',
    });
  });

  it('names path and reason when it cannot be read', () => {
    expect(errorsOf(oidc('  client_id: ${file:/nowhere}\n'))).toEqual([
      'oidc.client_id names the file /nowhere, which cannot be read (no such file)',
    ]);
    const readFile = () => {
      throw Object.assign(new Error('x'), { code: 'EACCES' });
    };
    expect(errorsOf(oidc('  client_id: ${file:/secret}\n'), { readFile })).toEqual([
      'oidc.client_id names the file /secret, which cannot be read (permission denied)',
    ]);
  });

  it.each(['a${file:/x}', '${file:/x} b', '${file:/x}${file:/x}', '" ${file:/x}"'])(
    'is an error within a longer text: %s',
    (text) => {
      expect(errorsOf(oidc(`  client_id: ${text}\n`), { files: { '/x': 'x' } })[0]).toBe(
        'oidc.client_id holds ${file:…} within a longer text',
      );
    },
  );

  it.each(['${file:relative}', '${file:}', '${file:~/x}'])('needs an absolute path: %s', (text) => {
    expect(errorsOf(oidc(`  client_id: ${text}\n`))[0]).toContain('which is no absolute path');
  });

  it('with nothing in it is judged like an empty value', () => {
    expect(errorsOf(oidc('  client_id: ${file:/x}\n'), { files: { '/x': ' \n' } })).toEqual([
      'oidc.client_id must be the client id that the identity provider gave, found an empty string',
    ]);
  });
});

describe('without the environment', () => {
  it('a variable that is not set is no problem, and its value is not judged', () => {
    const text = fileWith({
      listen: 'listen: {host: 127.0.0.1, port: "${PORT}"}\n',
      session: 'session: {jwt_secret: ["${A}", "${B}"]}\n',
      upstreams: 'upstreams: [{provider: anthropic, auth: {api_key: "${KEY}"}, name: "${NAME}"}]\n',
      models: 'models: [{id: a, upstream_model: {somewhere: b}}]\n',
    });
    expect(check(text, { requiresEnv: false })).toEqual({ kind: 'incomplete', warnings: [] });
  });

  it('everything else is judged', () => {
    const text = fileWith({ listen: 'listen: {host: "${HOST}", port: 70000}\n' });
    expect(errorsOf(text, { requiresEnv: false })).toEqual([
      'listen.port must be a whole number from 0 to 65535, found 70000',
    ]);
  });

  it('a file that needs none is valid', () => {
    expect(check(fileWith(), { requiresEnv: false }).kind).toBe('valid');
  });
});
