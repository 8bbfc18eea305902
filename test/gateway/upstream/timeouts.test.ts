import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explainTimeout, streamedAnswer, WHOLE_ANSWER } from '../../../src/gateway/upstream/timeouts.ts';
import { post, request, startInferenceGateway, type TestGateway } from '../../support/inference-gateway.ts';
import { json, type StandInUpstream, startStream, startUpstream } from '../../support/upstream.ts';

describe("the operator's log", () => {
  let upstream: StandInUpstream;
  let gateway: TestGateway;

  beforeEach(async () => {
    upstream = await startUpstream();
  });

  afterEach(async () => {
    await gateway.close();
    await upstream.close();
  });

  const openGateway = async (options: Parameters<typeof startInferenceGateway>[1]): Promise<void> => {
    gateway = await startInferenceGateway([{ name: 'slow', url: upstream.url }], options);
  };

  it('names the key that bounds the wait for headers', async () => {
    await openGateway({ ttfbMs: 50 });
    upstream.answer = () => undefined;
    expect((await post(gateway, { ...request, stream: true })).status).toBe(502);
    expect(gateway.log.join('\n')).toMatch(
      /^warn upstream slow failed: no headers within 50 ms; raise timeouts\.upstream_ttfb_ms \(50\) if .* \(UND_ERR_HEADERS_TIMEOUT\) request_id=/m,
    );
  });

  it.each([
    ['before its first byte', undefined],
    ['in the middle of its answer', 'event: ping\n'],
  ])('names the key that bounds silence %s', async (_when, bytes) => {
    await openGateway({ idleMs: 50 });
    upstream.answer = (_request, response) => {
      startStream(response);
      response.flushHeaders();
      if (bytes) response.write(bytes);
    };
    await post(gateway, { ...request, stream: true });
    await gateway.event();
    expect(gateway.log.join('\n')).toMatch(
      /^warn upstream slow broke off: no byte for 50 ms; raise timeouts\.upstream_idle_ms if .* \(UND_ERR_BODY_TIMEOUT\) request_id=/m,
    );
  });

  it('names it for an answer that is not streamed, too', async () => {
    await openGateway({ idleMs: 50 });
    upstream.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{');
    };
    expect((await post(gateway, request)).status).toBe(502);
    expect(gateway.log.join('\n')).toMatch(/broke off: no byte for 50 ms; raise timeouts\.upstream_idle_ms/);
  });

  it('says nothing of timeouts when there were none', async () => {
    await openGateway({ ttfbMs: 50, idleMs: 50 });
    upstream.answer = json(500, {});
    expect((await post(gateway, request)).status).toBe(502);
    expect(gateway.log.join('\n')).not.toContain('timeouts.');
  });
});

describe('a wait for headers that was not the whole of its key', () => {
  const timeout = Object.assign(new Error('Headers Timeout Error'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
  const said = (headers: typeof WHOLE_ANSWER) => explainTimeout(timeout, { headers, idleMs: 1 }).message;

  it('says where the rest went', () => {
    expect(said(streamedAnswer(3_999.7, 120_000))).toBe(
      'no headers within 4000 ms; the rest of timeouts.upstream_ttfb_ms (120000) went by in the line for upstreams[].max_connections (UND_ERR_HEADERS_TIMEOUT)',
    );
  });

  it('names no key where none helps', () => {
    expect(said(WHOLE_ANSWER)).toBe(
      'no headers within 3600000 ms; no key raises this: it holds for answers that are not streamed (UND_ERR_HEADERS_TIMEOUT)',
    );
  });
});
