import { z } from 'zod';
import { listOf } from '../fields.ts';
import { checkHeaderNames } from '../headers.ts';
import type { Valid } from '../read-shape.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';
import { checkAddress } from './address.ts';
import { anthropicShape, checkAnthropic } from './anthropic.ts';
import { anthropicAwsShape, checkAnthropicAws } from './anthropic-aws.ts';
import { bedrockShape, checkBedrock, checkGuardrails } from './bedrock.ts';
import { checkFoundry, foundryShape } from './foundry.ts';
import { hintForReserved } from './headers.ts';
import { checkMantle, mantleShape } from './mantle.ts';
import { checkVertex, vertexShape } from './vertex.ts';

const upstreamShape = z
  .discriminatedUnion('provider', [
    anthropicShape,
    bedrockShape,
    mantleShape,
    anthropicAwsShape,
    vertexShape,
    foundryShape,
  ])
  .meta({ title: 'Upstream', description: 'A place that serves inference.' });

export const upstreamsShape = listOf(upstreamShape, 'upstreams')
  .min(1, { error: 'must hold at least one upstream' })
  .meta({
    title: 'Upstreams',
    description: 'Where requests go; the first that can serve a model gets it, the next ones when it fails.',
  });

type Upstreams = Valid<z.output<typeof upstreamsShape>>;
type Upstream = NonNullable<Upstreams[number]>;

/** `allowsLoopback`: CLAUDE_GATEWAY_ALLOW_LOOPBACK is on, or not known. */
export function checkUpstreams(
  upstreams: Upstreams | undefined,
  allowsLoopback: boolean,
  report: Report,
): void {
  const names = new Map<string, number>();
  for (const [index, upstream] of (upstreams ?? []).entries()) {
    if (!upstream) continue;
    const path = ['upstreams', index];
    const { provider } = upstream;
    checkName(upstream, index, names, report);
    checkOwn(upstream, path, report);
    const hintFor = (name: string) => hintForReserved(name, provider);
    checkHeaderNames(Object.keys(upstream.headers ?? {}), [...path, 'headers'], hintFor, report);
    checkAddress(upstream.base_url, [...path, 'base_url'], { provider, allowsLoopback }, report);
  }
  checkPriorities(upstreams ?? [], report);
  checkGuardrails(upstreams ?? [], report);
}

/** What the keys of each provider mean to one another. */
function checkOwn(upstream: Upstream, path: Path, report: Report): void {
  switch (upstream.provider) {
    case 'anthropic':
      return checkAnthropic(upstream, path, report);
    case 'bedrock':
      return checkBedrock(upstream, path, report);
    case 'mantle':
      return checkMantle(upstream, path, report);
    case 'anthropicAws':
      return checkAnthropicAws(upstream, path, report);
    case 'vertex':
      return checkVertex(upstream, path, report);
    case 'foundry':
      return checkFoundry(upstream, path, report);
    default:
  }
}

/** A place in the list and a number of the operator's are compared: that deserves a second look. */
function checkPriorities(upstreams: Upstreams, report: Report): void {
  const hasPriority = (index: number) => report.has(['upstreams', index, 'priority']);
  if (!upstreams.some((_upstream, index) => hasPriority(index))) return;
  for (const index of upstreams.keys()) {
    if (hasPriority(index)) continue;
    report.warning(
      ['upstreams', index],
      `has no priority while others have one: its place in the list counts, ${index}`,
      'give each of them a priority:',
    );
  }
}

function checkName({ name }: Upstream, index: number, names: Map<string, number>, report: Report): void {
  if (name === undefined) return;
  const earlier = names.get(name);
  names.set(name, earlier ?? index);
  if (earlier === undefined) return;
  report.error(
    ['upstreams', index, 'name'],
    `must be unique, and upstreams[${earlier}] is called ${JSON.stringify(name)} as well`,
    'give each of them a name: of its own',
  );
}
