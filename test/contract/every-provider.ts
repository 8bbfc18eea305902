import Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { startInferenceGateway, type TestGateway } from '../support/inference-gateway.ts';
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

/** The model as developers call it; each upstream has an id of its own for it. */
export const MODEL = 'claude-contract';

export interface ProviderUnderTest {
  readonly traits: StandInTraits;
  readonly standIn: StandIn;
  /** A second upstream: the Anthropic API. */
  readonly other: StandIn;
  /** A gateway before these, in this order; closed after the test. */
  gateway(...upstreams: readonly StandIn[]): Promise<TestGateway>;
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
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    standIn = await kind.start();
    other = await firstOf(anthropicStandIns).start();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(() => Promise.all([standIn.close(), other.close()]));

  suite({
    traits: kind.traits,
    get standIn() {
      return standIn;
    },
    get other() {
      return other;
    },
    async gateway(...upstreams) {
      const log = createMemoryLog();
      const gateway = await startInferenceGateway(
        await Promise.all(
          upstreams.map(async (upstream, index) => {
            const name = `upstream-${index}`;
            const provider = await upstream.makeProvider({ name, clock: systemClock, log, fetch });
            closers.push(async () => provider.close?.());
            return { name, url: upstream.origin, provider, modelIds: { [MODEL]: upstream.model } };
          }),
        ),
      );
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
