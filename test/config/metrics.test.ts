import { describe, expect, it } from 'vitest';
import { hostAndPort } from '../../src/config/metrics.ts';
import { adviceOf, configOf, errorsOf, fileWith, problemsOf } from './config-file.ts';

const metrics = (listen: string) => fileWith({ metrics: `metrics:\n  listen: ${listen}\n` });

describe('metrics.listen', () => {
  it('is off unless named', () => {
    expect(configOf(fileWith()).metrics).toEqual({});
  });

  it.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['"[::1]:9464"', { host: '::1', port: 9464 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('takes host and port without a warning: %s', (written, place) => {
    const { listen = '' } = configOf(metrics(written)).metrics;
    expect(hostAndPort(listen)).toEqual(place);
    expect(problemsOf(metrics(written))).toEqual([]);
  });

  it.each([
    '":9464"',
    '"127.0.0.1"',
    '"127.0.0.1:"',
    '"127.0.0.1:65536"',
    '"127.0.0.1:-1"',
    '"::1:9464"',
    '"http://127.0.0.1:9464"',
    '"127.0.0.1:9464/metrics"',
    '"user@127.0.0.1:9464"',
    '" 127.0.0.1:9464"',
  ])('refuses what is not host:port: %s', (written) => {
    const [error, ...others] = errorsOf(metrics(written));
    expect(error).toMatch(/^metrics\.listen must be host:port, like 127\.0\.0\.1:9464/);
    expect(others).toEqual([]);
  });

  it('refuses a port alone', () => {
    expect(errorsOf(metrics('9464'))).toEqual([
      expect.stringMatching(/^metrics\.listen must be host:port, like 127\.0\.0\.1:9464/),
    ]);
  });

  it.each(['0.0.0.0:9464', '"[::]:9464"', '10.1.2.3:9464', 'metrics.example.com:9464'])(
    'boots with a warning where other machines can reach it: %s',
    (written) => {
      expect(errorsOf(metrics(written))).toEqual([]);
      expect(adviceOf(metrics(written))).toEqual([
        'metrics.listen can be reached from other machines, and whoever reaches it may read it without signing in; bind a loopback address, or let only the collector through to that port',
      ]);
    },
  );

  it('comes from a variable as well', () => {
    const text = metrics(`127.0.0.1:\${METRICS_PORT}`);
    expect(configOf(text, { env: { METRICS_PORT: '9464' } }).metrics.listen).toBe('127.0.0.1:9464');
  });
});
