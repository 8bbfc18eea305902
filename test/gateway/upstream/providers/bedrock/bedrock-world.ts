import { onTestFinished } from 'vitest';
import { createBedrock } from '../../../../../src/gateway/upstream/providers/bedrock/bedrock.ts';
import type { BedrockOptions } from '../../../../../src/gateway/upstream/providers/bedrock/options.ts';
import { type Clock, systemClock } from '../../../../../src/kernel/clock.ts';
import {
  type PostOptions,
  post,
  startInferenceGateway,
  type TestGatewayOptions,
  type TestUpstream,
} from '../../../../support/inference-gateway.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { createAwsAccount } from '../../../../support/stand-ins/aws-account.ts';
import {
  BEDROCK,
  keyOptions,
  NO_OPTIONS,
  startBedrock,
  startSts,
} from '../../../../support/stand-ins/bedrock.ts';

export const MODEL = 'claude-sonnet-5';
export const REQUEST = { model: MODEL, max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

export interface WorldOptions {
  readonly bedrock?: Partial<BedrockOptions>;
  readonly gateway?: TestGatewayOptions;
  readonly model?: string;
  readonly others?: readonly TestUpstream[];
}

/** A gateway before Bedrock's stand-in, with STS beside it; everything is closed after the test. */
export async function standUp({
  bedrock = {},
  gateway: gatewayOptions,
  model = BEDROCK.model,
  others = [],
}: WorldOptions = {}) {
  const account = createAwsAccount();
  const keys = account.issue();
  const sts = await startSts(account);
  const upstream = await startBedrock(account, sts.sessionOf);
  const log = createMemoryLog();
  const { assumeRole, ...options } = bedrock;
  let passedMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + passedMs };
  const provider = createBedrock(
    {
      ...NO_OPTIONS,
      baseUrl: upstream.origin,
      credential: keyOptions(keys),
      ...options,
      assumeRole: assumeRole && { ...assumeRole, stsUrl: sts.origin },
    },
    { name: 'bedrock', clock, log, fetch },
  );
  const gateway = await startInferenceGateway(
    [{ name: 'bedrock', url: upstream.origin, provider, modelIds: { [MODEL]: model } }, ...others],
    gatewayOptions,
  );
  onTestFinished(async () => {
    await gateway.close();
    await upstream.close();
    await sts.close();
  });
  return {
    account,
    keys,
    sts,
    upstream,
    provider,
    gateway,
    log,
    /** For what the provider measures. */
    passTime(ms: number): void {
      passedMs += ms;
    },
    post: (body: unknown = REQUEST, how: PostOptions = {}) => post(gateway, body, how),
    count: (body: unknown = REQUEST) => post(gateway, body, { path: '/v1/messages/count_tokens' }),
  };
}
