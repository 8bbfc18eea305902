// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { maskedConfig } from '../../src/config/masked.ts';
import { adviceOf, check, configOf, errorsOf, fileWith, type Inputs, problemsOf } from './config-file.ts';

const LOOPBACK = { env: { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' } };

function telemetry(inside: string): string {
  return fileWith({ telemetry: `telemetry: { ${inside} }\n` });
}

function destination(url: string, more = ''): string {
  return telemetry(`forward_to: [{ url: "${url}"${more} }]`);
}

const urlErrors = (url: string, inputs?: Inputs) => errorsOf(destination(url), inputs);

describe('a destination', () => {
  it('gets metrics only unless the file says otherwise', () => {
    const { forward_to: destinations, queue_bytes: queueBytes } = configOf(
      destination('https://otel.example.com/otlp'),
    ).telemetry;
    expect(destinations).toEqual([
      { url: 'https://otel.example.com/otlp', headers: {}, metrics: true, logs: false, traces: false },
    ]);
    expect(queueBytes).toBe(64 * 1024 * 1024);
  });

  it.each(['https://otel.example.com', 'https://10.1.2.3:4318/', 'https://[fd00::1]:4318/otlp'])(
    'may be anywhere that is https: %s',
    (url) => {
      expect(problemsOf(destination(url))).toEqual([]);
    },
  );

  it.each(['http://otel.example.com', 'http://10.1.2.3:4318'])('may not be plain http: %s', (url) => {
    expect(urlErrors(url, LOOPBACK)).toEqual([
      'telemetry.forward_to[0].url must be an https:// URL: only a receiver on this machine may be http://',
    ]);
  });

  it.each([
    'ftp://otel.example.com',
    'otel.example.com:4317',
    'https://a:b@otel.example.com',
    'https://h?x=1',
  ])('is a plain URL: %s', (url) => {
    expect(urlErrors(url)).toEqual([
      expect.stringMatching(/^telemetry\.forward_to\[0\]\.url must be an absolute https:\/\/ URL/),
    ]);
  });

  it.each(['http://127.0.0.1:4318', 'http://[::1]:4318', 'https://127.0.0.1:4318'])(
    'may be on this machine with CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 only: %s',
    (url) => {
      expect(problemsOf(destination(url), LOOPBACK)).toEqual([]);
      expect(adviceOf(destination(url))).toEqual([
        'telemetry.forward_to[0].url is on this machine, and connections to loopback are refused; set CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 in the environment of the gateway',
      ]);
      expect(check(destination(url)).kind).toBe('invalid');
    },
  );

  it('called localhost boots with a warning: the guard will refuse it', () => {
    expect(check(destination('http://localhost:4318'))).toMatchObject({
      kind: 'valid',
      warnings: [{ path: 'telemetry.forward_to[0].url' }],
    });
    expect(problemsOf(destination('http://localhost:4318'), LOOPBACK)).toEqual([]);
  });

  it.each([
    'https://169.254.169.254',
    'http://169.254.169.254',
    'https://metadata.google.internal',
    'https://0.0.0.0',
    'https://[::ffff:169.254.169.254]',
    'https://0x7f.1',
  ])('is none of the addresses that are refused: %s', (url) => {
    expect(urlErrors(url, url.includes('0x7f') ? undefined : LOOPBACK)).toEqual([
      expect.stringMatching(
        /^telemetry\.forward_to\[0\]\.url is .*connections to (it|loopback) are refused$/,
      ),
    ]);
  });

  it('that takes no signal deserves a warning', () => {
    expect(adviceOf(destination('https://a.example.com', ', metrics: false'))).toEqual([
      'telemetry.forward_to[0] takes no signal; set one of metrics, logs, traces to true, or remove it',
    ]);
  });
});

describe('headers', () => {
  const headers = (inside: string) => destination('https://otel.example.com', `, headers: { ${inside} }`);

  it('may be credentials, and are never printed', () => {
    const text = headers('Authorization: "Bearer ${TOKEN}", x-api-key: plain-key');
    const checked = check(text, { env: { TOKEN: 'of-the-collector' } });
    if (checked.kind !== 'valid') throw new Error('not valid');
    expect(checked.config.telemetry.forward_to[0]?.headers).toEqual({
      Authorization: 'Bearer of-the-collector',
      'x-api-key': 'plain-key',
    });
    const printed = JSON.stringify(maskedConfig(checked.config, checked.maskedPaths));
    expect(printed).not.toMatch(/of-the-collector/);
  });

  it.each([
    ['host: a', 'host is a header that the gateway sets itself'],
    ['Content-Type: a', 'Content-Type is a header that the gateway sets itself'],
    ['content-encoding: gzip', 'content-encoding is a header of the connection, not of the request'],
    ['te: a', 'te is a header of the connection, not of the request'],
    ['a: b, A: c', 'A is the same header as a'],
    ['"a b": c', '["a b"] is no header name: letters, digits and - are possible'],
  ])('are not those of the message itself: %s', (inside, error) => {
    const path = error.startsWith('[') ? 'headers' : 'headers.';
    const found = errorsOf(headers(inside));
    expect(found).toHaveLength(1);
    expect(found[0]?.replaceAll('["', '').replaceAll('"]', '')).toContain(
      `telemetry.forward_to[0].${path.replace('.', '')}`,
    );
    expect(found[0]).toContain(error.slice(error.indexOf(' is ')));
  });
});

describe('auth.google', () => {
  it("is for Google's endpoints", () => {
    expect(problemsOf(destination('https://telemetry.googleapis.com', ', auth: { google: {} }'))).toEqual([]);
    expect(errorsOf(destination('https://otel.example.com', ', auth: { google: {} }'))).toEqual([
      "telemetry.forward_to[0].auth.google is for Google's own endpoints: another receiver would learn the gateway's credential",
    ]);
    expect(
      errorsOf(destination('https://googleapis.com.example.com', ', auth: { google: {} }')),
    ).toHaveLength(1);
  });

  it('does not go with an Authorization header, nor is auth empty', () => {
    const both = ', auth: { google: {} }, headers: { Authorization: a }';
    expect(errorsOf(destination('https://telemetry.googleapis.com', both))).toEqual([
      'telemetry.forward_to[0].headers.Authorization is what auth.google sets',
    ]);
    expect(errorsOf(destination('https://telemetry.googleapis.com', ', auth: {}'))).toEqual([
      'telemetry.forward_to[0].auth is empty',
    ]);
  });
});

describe('the queue', () => {
  it('deserves a warning when it is smaller than a body may be', () => {
    expect(adviceOf(telemetry('queue_bytes: 4194304'))).toEqual([]);
    expect(adviceOf(telemetry('queue_bytes: 4194303'))).toEqual([
      'telemetry.queue_bytes is too small for bodies of limits.max_telemetry_bytes (4194304): larger ones are dropped; raise it to 4194304, or lower max_telemetry_bytes',
    ]);
  });
});

describe('resource attributes', () => {
  const attributes = (inside: string) => telemetry(`resource_attributes: { ${inside} }`);

  it('are names and values', () => {
    const { resource_attributes: found } = configOf(
      attributes('deployment.environment: production, cost_centre-2: "42"'),
    ).telemetry;
    expect(found).toEqual({ 'deployment.environment': 'production', 'cost_centre-2': '42' });
  });

  it.each(['user.id', 'User.Email', 'enduser.id', 'identity.source', 'SERVICE.NAME', 'service.version'])(
    'are not those that clients set: %s',
    (name) => {
      expect(errorsOf(attributes(`${name}: a`))).toEqual([
        expect.stringMatching(/ is an attribute that clients set themselves$/),
      ]);
      expect(errorsOf(attributes(`${name}: a`))[0]).toContain(name);
    },
  );

  it.each(['claude.deployment_mode', 'host.arch', 'os.type', 'os.version', 'wsl.version'])(
    'are not those of the machine: %s',
    (name) => {
      expect(errorsOf(attributes(`${name}: a`))).toHaveLength(1);
    },
  );

  it.each(['"a b"', 'a/b', 'é'])('have a plain name: %s', (name) => {
    expect(errorsOf(attributes(`${name}: a`))).toEqual([expect.stringContaining(' is no attribute name')]);
  });

  it.each(['""', '"a b"', '"a,b"', '"a;b"', '"a=b"', "'a\\b'", "'a\"b'", '"50%"', '"é"', '"\\t"'])(
    'have a value that needs no escaping: %s',
    (value) => {
      expect(errorsOf(attributes(`team: ${value}`))).toEqual([
        expect.stringMatching(/^telemetry\.resource_attributes\.team must be printable ASCII/),
      ]);
    },
  );

  it('have a value of 255 characters at most when it is percent-encoded', () => {
    expect(errorsOf(attributes(`team: ${'a'.repeat(255)}`))).toEqual([]);
    expect(errorsOf(attributes(`team: ${'a'.repeat(253)}/`))).toHaveLength(1);
    expect(errorsOf(attributes(`team: ${'a'.repeat(256)}`))).toHaveLength(1);
  });

  it('have a value that is a string', () => {
    expect(errorsOf(attributes('team: 42'))).toEqual([
      expect.stringMatching(/^telemetry\.resource_attributes\.team must be a string \(put numbers/),
    ]);
  });
});
