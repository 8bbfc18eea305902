import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import type { Audit, Plan } from '../exchange.ts';
import { createConnectionLimit } from './connection-limit.ts';
import { type Cooldown, createCooldown } from './cooldown.ts';
import type { Endpoint, Provider, Verdict } from './provider.ts';
import type { Transport } from './transport.ts';
import type { Asked } from './turn.ts';

export interface Upstream {
  readonly name: string;
  readonly provider: Provider;
  readonly transport: Transport;
  /** Lower ones are asked first; equal ones share the conversations, by weight. */
  readonly priority: number;
  readonly weight: number;
  /** Bound on the requests under way; undefined: none. */
  readonly maxConnections: number | undefined;
}

/** An upstream with what the process remembers of it. */
export interface Target extends Asked {
  readonly priority: number;
  readonly weight: number;
  /** Undefined when there is no other upstream to go to. */
  readonly cooldown: Cooldown | undefined;
}

export interface TargetParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
}

export function openTarget(
  { name, provider, transport, priority, weight, maxConnections }: Upstream,
  hasOthers: boolean,
  parts: TargetParts,
): Target {
  const limit = maxConnections === undefined ? undefined : createConnectionLimit(name, maxConnections, parts);
  // Whoever waits for a place may be served elsewhere sooner.
  const onStart = (): void => limit?.turnAway();
  const cooldown = hasOthers ? createCooldown(name, { ...parts, onStart }) : undefined;
  return { name, provider, transport, priority, weight, limit, cooldown };
}

/** Why an upstream that knows the model is not asked all the same. */
export function unfitness({ provider }: Target, { body }: Plan, endpoint: Endpoint): Verdict | undefined {
  if (endpoint === 'count_tokens' && !provider.countsTokens) return 'unsupported';
  if (body.bytes.length > (provider.maxBodyBytes ?? Number.POSITIVE_INFINITY)) return 'too_large';
  return undefined;
}
