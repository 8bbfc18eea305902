import { afterEach, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { createClosing } from '../../../src/gateway/doors/closing.ts';
import { openUpstreams } from '../../../src/gateway/doors/upstream-connections.ts';
import { createOutbound } from '../../../src/gateway/outbound/outbound.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { configOf, fileWith } from '../../config/config-file.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { outgoingRequest } from '../../support/outgoing-request.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** The providers of these entries, as the gateway opens them. */
async function providersOf(entries: readonly string[], sections: Readonly<Record<string, string>> = {}) {
  const items = entries.map((entry) => `  - { ${entry} }\n`).join('');
  const config = configOf(fileWith({ upstreams: `upstreams:\n${items}`, ...sections }));
  const log = createMemoryLog();
  const environment = readEnvironment({});
  const outbound = createOutbound(
    { allowLoopback: false, allowedOrigins: [], proxies: environment.proxies, proxyIsEgressBoundary: false },
    { log },
  );
  const closing = createClosing();
  closing.add(() => outbound.close());
  closers.push(() => closing.close());
  const ground = { outbound, closing, log, clock: systemClock, aws: environment.aws };
  const upstreams = await openUpstreams(config, ground);
  return upstreams.map(({ provider }) => provider);
}

const ANTHROPIC = 'provider: anthropic, auth: { api_key: k }';
const FOUNDRY = 'provider: foundry, resource: acme, auth: { api_key: k }';

describe('an upstream, as it is opened', () => {
  it('has its headers waited for as long as the file says; by default clouds take their time', async () => {
    const bounds = async (sections?: Readonly<Record<string, string>>) =>
      (await providersOf([ANTHROPIC, FOUNDRY], sections)).map(
        ({ boundsTimeToHeaders }) => boundsTimeToHeaders,
      );
    expect(await bounds()).toEqual([true, false]);
    expect(await bounds({ timeouts: 'timeouts: { upstream_ttfb_ms: 5000 }\n' })).toEqual([true, true]);
  });

  it.each([
    ['by default', ANTHROPIC, false],
    ['by default', FOUNDRY, true],
    ['where the file says so', `${ANTHROPIC}, strip: auto`, true],
    ['where the file forbids it', `${FOUNDRY}, strip: false`, false],
  ])('learns what it refuses %s: %s', async (_when, entry, isLearning) => {
    const [provider] = await providersOf([entry]);
    const body = {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'metadata: Extra inputs are not permitted' },
    };
    const request = outgoingRequest({ metadata: {} });
    const judgement = provider?.judge({
      status: 400,
      headers: {},
      body: Buffer.from(JSON.stringify(body)),
      request,
    });
    expect(judgement?.isWorthRepeating ?? false).toBe(isLearning);
  });
});
