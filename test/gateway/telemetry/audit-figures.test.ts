import { expect, it } from 'vitest';
import type { AuditFields } from '../../../src/gateway/exchange.ts';
import { createAuditFigures } from '../../../src/gateway/telemetry/audit-figures.ts';
import { exposition } from '../../../src/gateway/telemetry/exposition.ts';
import { createRegistry } from '../../../src/gateway/telemetry/registry.ts';
import { parseExposition } from '../../support/exposition.ts';

const MODELS = new Map([
  ['sonnet', 'claude-sonnet-4-5'],
  ['claude-sonnet-4-5', 'claude-sonnet-4-5'],
]);

function world() {
  const registry = createRegistry();
  const count = createAuditFigures({ registry, modelId: (model) => MODELS.get(model) });
  const text = async () => exposition(await registry.snapshot());
  return { count, text, page: async () => parseExposition(await text()) };
}

const served: AuditFields = {
  sub: 'the-subject',
  email: 'ada@example.com',
  client_ip: '203.0.113.9',
  session_id: 'session-of-ada',
  endpoint: 'messages',
  model: 'sonnet',
  upstream: 'first',
  status: 200,
  stream: true,
  outcome: 'complete',
  attempts: 1,
  input_tokens: 12,
  output_tokens: 3,
  cache_read_tokens: 4,
  cache_write_tokens: 0,
  ttfb_ms: 400,
  duration_ms: 4_000,
};

it('a request is counted once under the labels of its record, and its tokens by kind', async () => {
  const { count, page } = world();
  for (let i = 0; i < 3; i += 1) count('inference', served);
  count('inference', { ...served, model: 'claude-sonnet-4-5', outcome: 'client_left' });
  const read = await page();
  const labels = { endpoint: 'messages', status: '200', model: 'claude-sonnet-4-5', upstream: 'first' };
  const requests = (outcome: string) =>
    read.value('sallyport_inference_requests_total', { ...labels, outcome });
  expect([requests('complete'), requests('client_left')]).toEqual([3, 1]);
  const tokens = (kind: string) =>
    read.value('sallyport_tokens_total', { model: 'claude-sonnet-4-5', upstream: 'first', kind });
  expect([tokens('input'), tokens('output'), tokens('cache_read'), tokens('cache_write')]).toEqual([
    48, 12, 16, 0,
  ]);
  expect(read.value('sallyport_inference_time_to_first_byte_seconds_sum')).toBeCloseTo(1.6);
  expect(read.value('sallyport_inference_duration_seconds_bucket', { ...labels, le: '2.5' })).toBe(0);
  const { status: _, ...timed } = labels;
  expect(read.value('sallyport_inference_duration_seconds_bucket', { ...timed, le: '5' })).toBe(4);
  expect(read.value('sallyport_failovers_total')).toBe(0);
});

it('what was refused before an upstream was asked has a status and no upstream, tokens or first byte', async () => {
  const { count, page, text } = world();
  count('inference', {
    endpoint: 'messages',
    status: 413,
    outcome: 'refused',
    attempts: 0,
    duration_ms: 2,
  });
  expect(
    (await page()).value('sallyport_inference_requests_total', {
      endpoint: 'messages',
      status: '413',
      model: '',
      upstream: '',
      outcome: 'refused',
    }),
  ).toBe(1);
  expect(await text()).not.toMatch(/tokens_total|first_byte/);
});

it('attempts beyond the first are failovers', async () => {
  const { count, page } = world();
  for (const attempts of [1, 3, 2, 0]) count('inference', { ...served, attempts });
  expect((await page()).value('sallyport_failovers_total')).toBe(3);
});

it('a model that the catalog does not have is other, however many there are, and nobody is named', async () => {
  const { count, page, text } = world();
  for (let i = 0; i < 10_000; i += 1)
    count('inference', { ...served, upstream: undefined, status: 404, model: `a secret thought ${i}` });
  count('inference', served);
  const read = await page();
  expect(read.value('sallyport_inference_requests_total', { model: 'other', status: '404' })).toBe(10_000);
  const series = read.families.find(({ name }) => name === 'sallyport_inference_requests_total')?.samples;
  expect(series).toHaveLength(2);
  expect(await text()).not.toMatch(/thought|subject|ada|example\.com|203\.0\.113/);
});

it('names that run into each other are not confused', async () => {
  const { count, page } = world();
  count('inference', { ...served, upstream: 'a b', model: 'sonnet' });
  count('inference', { ...served, upstream: 'a', model: 'b sonnet' });
  count('inference', { ...served, upstream: 'a', model: 'sonnet' });
  const read = await page();
  const requests = (upstream: string, model: string) =>
    read.value('sallyport_inference_requests_total', { upstream, model });
  expect(requests('a b', 'claude-sonnet-4-5')).toBe(1);
  expect(requests('a', 'other')).toBe(1);
  expect(requests('a', 'claude-sonnet-4-5')).toBe(1);
});

it('other events are counted by name and result, or else by reason', async () => {
  const { count, page } = world();
  count('session.mint', { email: 'ada@example.com', result: 'ok' });
  count('session.refresh', { result: 'ok' });
  count('session.refresh', { result: 'denied', reason: 'groups_not_allowed' });
  count('session.refresh', { result: 'denied', reason: 'email_missing' });
  count('auth.denied', { reason: 'token_expired', client_ip: '203.0.113.9' });
  count('config.load', { path: '/etc/gateway.yaml' });
  const read = await page();
  const events = (event: string, result: string) =>
    read.value('sallyport_audit_events_total', { event, result });
  expect(events('session.mint', 'ok')).toBe(1);
  expect(events('session.refresh', 'ok')).toBe(1);
  expect(events('session.refresh', 'denied')).toBe(2);
  expect(events('auth.denied', 'token_expired')).toBe(1);
  expect(events('config.load', '')).toBe(1);
});

it('a result that is a sentence rather than a word is other', async () => {
  const { count, page, text } = world();
  count('config.reload', { result: 'cannot read /home/ada/gateway.yaml' });
  count('config.reload', { result: 'x'.repeat(41) });
  expect((await page()).value('sallyport_audit_events_total', { result: 'other' })).toBe(2);
  expect(await text()).not.toContain('ada');
});

it('a cooldown is counted when it starts, and is on until it has ended', async () => {
  const { count, page } = world();
  const cooling = async () => (await page()).value('sallyport_upstream_cooling_down', { upstream: 'first' });
  count('upstream.cooldown', { upstream: 'first', state: 'started', seconds: 5, reason: 'trial_failed' });
  count('upstream.cooldown', { upstream: 'first', state: 'started', seconds: 5, reason: 'trial_failed' });
  expect(await cooling()).toBe(1);
  count('upstream.cooldown', { upstream: 'first', state: 'ended', seconds: 12 });
  expect(await cooling()).toBe(0);
  expect((await page()).value('sallyport_upstream_cooldowns_total', { upstream: 'first' })).toBe(2);
});
