import { describe, expect, it } from 'vitest';
import { configOf, errorsOf, fileWith, warningsOf } from './config-file.ts';

/** Every number of the file: path, smallest, largest, and values of the wrong kind. */
const numbers: readonly (readonly [path: string, smallest: number, largest: number])[] = [
  ['listen.port', 0, 65_535],
  ['listen.keep_alive_seconds', 1, 86_400],
  ['oidc.clock_skew_seconds', 0, 3_600],
  ['store.max_connections', 1, 1_000],
  ['store.connect_timeout_seconds', 1, 60],
  ['store.readiness_grace_seconds', 0, 3_600],
  ['limits.max_request_bytes', 1, 2 ** 30],
  ['limits.max_request_header_bytes', 1, 2 ** 30],
  ['limits.max_url_length', 1, 2 ** 30],
  ['limits.max_buffered_bytes', 1, 2 ** 40],
  ['limits.max_telemetry_bytes', 1, 2 ** 30],
  ['limits.per_developer.concurrent', 1, 100_000],
  ['limits.per_developer.requests_per_minute', 1, 1_000_000],
  ['timeouts.upstream_ttfb_ms', 1, 86_400_000],
  ['timeouts.upstream_idle_ms', 1, 86_400_000],
  ['rate_limits.device_authorization.max', 1, 1_000_000],
  ['rate_limits.device_authorization.window_seconds', 1, 86_400],
  ['rate_limits.device_verify.max', 1, 1_000_000],
  ['rate_limits.device_verify.window_seconds', 1, 86_400],
  ['telemetry.queue_bytes', 1, 2 ** 36],
  ['shutdown.delay_seconds', 0, 3_600],
  ['shutdown.grace_seconds', 0, 86_400],
];

const base: Readonly<Record<string, string>> = {
  listen: 'host: 127.0.0.1, public_url: "https://gw.example.com", ',
  oidc: 'issuer: "https://login.example.com", client_id: a, client_secret: s, ',
  store: 'postgres_url: "postgres://h/d", ',
};

/** A valid file but for one value. */
function fileWithValue(path: string, value: string): string {
  const [section = '', ...keys] = path.split('.');
  const inside = keys.reduceRight((inner, key) => `{ ${key}: ${inner} }`, value);
  return fileWith({ [section]: `${section}: { ${base[section] ?? ''}${inside.slice(2, -2)} }\n` });
}

describe.each(numbers)('%s', (path, smallest, largest) => {
  it('takes its smallest and its largest value', () => {
    expect(errorsOf(fileWithValue(path, String(smallest)))).toEqual([]);
    expect(errorsOf(fileWithValue(path, String(largest)))).toEqual([]);
  });

  it.each([smallest - 1, largest + 1, smallest + 0.5, `"${smallest}"`, 'true', '[1]'])(
    'refuses %s',
    (value) => {
      const errors = errorsOf(fileWithValue(path, String(value)));
      expect(errors).toEqual([
        expect.stringContaining(`${path} must be a whole number from ${smallest} to ${largest}, found `),
      ]);
    },
  );
});

describe.each([
  ['session.ttl_hours', 0.1, 8_760],
  ['session.refresh_ttl_days', 0.01, 3_650],
])('%s', (path, smallest, largest) => {
  const key = path.replace('session.', '');
  const text = (value: string) =>
    fileWith({
      session: `session: { jwt_secret: n0TUx9tPRcZQbOcUJRHdkWhHkWbiX0bkgVQW5FJmJ1s, ${key}: ${value} }\n`,
    });

  it.each([String(smallest), '1', String(largest)])('takes %s', (value) => {
    expect(errorsOf(text(value))).toEqual([]);
  });

  it.each(['0', '-1', String(smallest / 1000), String(largest + 1), 'soon'])('refuses %s', (value) => {
    expect(errorsOf(text(value))).toEqual([
      expect.stringContaining(`${path} must be a number from ${smallest} to ${largest}, found `),
    ]);
  });
});

describe('defaults', () => {
  it('are filled in at every level', () => {
    const config = configOf(fileWith({ rate_limits: 'rate_limits: { device_verify: { max: 3 } }\n' }));
    expect(config.rate_limits).toEqual({
      device_authorization: { max: 30, window_seconds: 600 },
      device_verify: { max: 3, window_seconds: 600 },
    });
    expect(config.limits).toEqual({ max_request_bytes: 33_554_432, max_telemetry_bytes: 4_194_304 });
    expect(config.telemetry).toEqual({ forward_to: [], queue_bytes: 67_108_864 });
    expect(config.timeouts).toEqual({ upstream_idle_ms: 600_000 });
    expect(config.shutdown).toEqual({ delay_seconds: 0, grace_seconds: 600 });
    expect(config.log).toEqual({ audit: 'stderr', format: 'text', on_audit_failure: 'continue' });
    expect(config).toMatchObject({
      models: [],
      auto_include_builtin_models: true,
      unknown_models: 'refuse',
      managed: { unknown_keys: 'error', policies: [] },
      access_control: { allow_cidrs: [], deny_cidrs: [] },
    });
  });
});

describe('limits', () => {
  it('warn of header bytes above what is built in', () => {
    expect(warningsOf(fileWithValue('limits.max_request_header_bytes', '262144'))).toEqual([]);
    expect(warningsOf(fileWithValue('limits.max_request_header_bytes', '262145'))).toEqual([
      'limits.max_request_header_bytes has no effect: it can only lower the built-in 262144',
    ]);
  });

  it('warn when one session could not have its largest body held', () => {
    const limits = (buffered: number) =>
      fileWith({ a: `limits: { max_request_bytes: 1000, max_buffered_bytes: ${buffered} }\n` });
    expect(warningsOf(limits(8_000))).toEqual([]);
    expect(warningsOf(limits(7_999))).toEqual([
      expect.stringContaining('limits.max_buffered_bytes is too small'),
    ]);
  });
});

describe('log', () => {
  it.each(['stdout', 'stderr', 'file:/var/log/audit.jsonl'])('takes audit: %s', (audit) => {
    expect(
      configOf(fileWith({ log: `log: { audit: "${audit}", on_audit_failure: refuse }\n` })).log.audit,
    ).toBe(audit);
  });

  it.each(['syslog', 'file:relative', 'file:/', 'file:/folder/', '/var/log/x', ''])(
    'refuses audit: %s',
    (audit) => {
      expect(errorsOf(fileWith({ log: `log: { audit: "${audit}" }\n` }))).toEqual([
        expect.stringMatching(/^log\.audit must be stderr, stdout or file:\//),
      ]);
    },
  );

  it('refuses other words, with the nearest that is one', () => {
    expect(errorsOf(fileWith({ log: 'log: { format: JSON, on_audit_failure: stop }\n' }))).toEqual([
      'log.format must be one of text, json, found "JSON"',
      'log.on_audit_failure must be one of continue, refuse, found "stop"',
    ]);
  });
});

describe('load_test_mode', () => {
  it('may stand there switched off', () => {
    const text = fileWith({
      a: 'load_test_mode: { enabled: false, reply_tokens: 750, reply_seconds: 9.5 }\n',
    });
    expect(errorsOf(text)).toEqual([]);
  });

  it('is refused switched on, saying what does that job', () => {
    expect(errorsOf(fileWith({ a: 'load_test_mode: { enabled: true }\n' }))).toEqual([
      expect.stringContaining(
        'load_test_mode.enabled must be false: this gateway has no load test mode, its benchmark does that job',
      ),
    ]);
    expect(errorsOf(fileWith({ a: 'load_test_mode: {}\n' }))).toEqual(['load_test_mode.enabled is required']);
  });
});
