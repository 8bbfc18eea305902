import type { ScannedBody } from '../../exchange.ts';
import type { MemberChange } from '../../http/splice.ts';
import { TAGS_BETA } from '../request-headers.ts';

/** Leaves the gateway's own beta out of a body that names betas. */
export function withoutTagsBeta(body: ScannedBody): readonly MemberChange[] {
  const betas = betasIn(body);
  return betas?.includes(TAGS_BETA) ? [betasChange(betas.filter((beta) => beta !== TAGS_BETA))] : [];
}

export function betasChange(betas: readonly string[]): MemberChange {
  return ['anthropic_beta', betas.length === 0 ? undefined : JSON.stringify(betas)];
}

/** The betas in the body; undefined when it has none, or anything but a list of names. */
export function betasIn({ bytes, members }: ScannedBody): string[] | undefined {
  const member = members.get('anthropic_beta');
  if (!member) return undefined;
  const betas: unknown = JSON.parse(bytes.toString('utf8', member.valueStart, member.valueEnd));
  return Array.isArray(betas) && betas.every((beta) => typeof beta === 'string') ? betas : undefined;
}
