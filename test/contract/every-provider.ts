import Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import type { RelayOptions } from '../../src/gateway/relay/relay.ts';
import { withoutRefused } from '../../src/gateway/upstream/learned-refusals.ts';
import type { Provider } from '../../src/gateway/upstream/provider.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import {
  startInferenceGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../support/inference-gateway.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { anthropicStandIns } from '../support/stand-ins/anthropic.ts';
import { anthropicAws } from '../support/stand-ins/anthropic-aws.ts';
import { bedrockStandIns } from '../support/stand-ins/bedrock.ts';
import { foundryStandIns } from '../support/stand-ins/foundry.ts';
import { mantle } from '../support/stand-ins/mantle.ts';
import type { StandIn, StandInKind, StandInTraits } from '../support/stand-ins/stand-in.ts';
import { vertex } from '../support/stand-ins/vertex.ts';

/** Every provider, with each way to authenticate that changes what goes over the wire. */
const STAND_INS: readonly StandInKind[] = [
  ...anthropicStandIns,
  anthropicAws,
  ...bedrockStandIns,
  mantle,
  vertex,
  ...foundryStandIns,
];

/** One of each provider. */
export const PROVIDERS: readonly StandInKind[] = [
  firstOf(anthropicStandIns),
  anthropicAws,
  firstOf(bedrockStandIns),
  mantle,
  vertex,
  firstOf(foundryStandIns),
];

/** The model as developers call it; each upstream has an id of its own for it. */
export const MODEL = 'claude-contract';

export interface ProviderUnderTest {
  readonly traits: StandInTraits;
  readonly standIn: StandIn;
  /** The provider itself, pointed at the stand-in; closed after the test. */
  provider(): Promise<Provider>;
  /** A second upstream: the Anthropic API. */
  readonly other: StandIn;
  /** A gateway before these, in this order; closed after the test. */
  gateway(...upstreams: readonly StandIn[]): Promise<TestGateway>;
  /** The same before the provider alone, with another relay. */
  relaying(relay: RelayOptions): Promise<TestGateway>;
  /** The same, leaving out what the provider refuses and requests can be spared. */
  learning(): Promise<TestGateway>;
  /** What the providers of this test have logged. */
  readonly log: readonly string[];
  /** The vendor's public SDK, pointed at a gateway; it never tries again. */
  client(gateway: TestGateway): Anthropic;
}

/** Runs a suite over every provider there is. */
export function describeEveryProvider(suite: (under: ProviderUnderTest) => void): void {
  describe.each(STAND_INS.map((kind) => [kind.name, kind] as const))('%s', (_name, kind) => run(kind, suite));
}

function run(kind: StandInKind, suite: (under: ProviderUnderTest) => void): void {
  let standIn: StandIn;
  let other: StandIn;
  let log = createMemoryLog();
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    standIn = await kind.start();
    other = await firstOf(anthropicStandIns).start();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    log = createMemoryLog();
  });
  afterAll(() => Promise.all([standIn.close(), other.close()]));

  const providerOf = async (upstream: StandIn, name: string): Promise<Provider> => {
    const parts = { name, clock: systemClock, log, fetch };
    const provider = await upstream.makeProvider(parts);
    closers.push(async () => provider.close?.());
    return provider;
  };

  const open = async (upstreams: readonly StandIn[], options?: TestGatewayOptions): Promise<TestGateway> => {
    const opened = await Promise.all(
      upstreams.map(async (upstream, index) => {
        const name = `upstream-${index}`;
        const provider = await providerOf(upstream, name);
        return { name, url: upstream.origin, provider, modelIds: { [MODEL]: upstream.model } };
      }),
    );
    const gateway = await startInferenceGateway(opened, options);
    closers.push(gateway.close);
    return gateway;
  };

  suite({
    traits: kind.traits,
    get standIn() {
      return standIn;
    },
    get other() {
      return other;
    },
    get log() {
      return log.lines;
    },
    provider: () => providerOf(standIn, 'alone'),
    gateway: (...upstreams) => open(upstreams),
    relaying: (relay) => open([standIn], { relay }),
    async learning() {
      const name = 'learning';
      const parts = { clock: systemClock, log: createMemoryLog() };
      const provider = withoutRefused(await providerOf(standIn, name), { name, strip: 'auto' }, parts);
      const upstream = { name, url: standIn.origin, provider, modelIds: { [MODEL]: standIn.model } };
      const gateway = await startInferenceGateway([upstream]);
      closers.push(gateway.close);
      return gateway;
    },
    client: ({ url }) => new Anthropic({ baseURL: url, apiKey: 'developer-key', maxRetries: 0 }),
  });
}

function firstOf<T>(list: readonly T[]): T {
  const [first] = list;
  if (first === undefined) throw new Error('the list is empty');
  return first;
}
