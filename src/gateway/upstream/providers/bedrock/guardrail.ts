import { CodedError } from '../../../../kernel/coded-error.ts';
import type { ScannedBody } from '../../../exchange.ts';
import { topLevelMembers } from '../../../http/top-level.ts';
import type { GuardrailOptions } from './options.ts';

const PREFIX = 'amazon-bedrock-';
const AS_WRITTEN = Buffer.from(`"${PREFIX}`);
/** How ASCII is written otherwise. */
const ESCAPED = Buffer.from('\\u00');

export function guardrailHeaders({ id, version }: GuardrailOptions): string[] {
  return ['x-amzn-bedrock-guardrailidentifier', id, 'x-amzn-bedrock-guardrailversion', version];
}

/** Throws CodedError `bad_request` for a body with members that would set a guardrail aside. */
export function refuseGuardrailMembers({ bytes }: ScannedBody): void {
  if (!bytes.includes(AS_WRITTEN) && !bytes.includes(ESCAPED)) return;
  for (const [key] of topLevelMembers(bytes)) {
    if (!key.startsWith(PREFIX)) continue;
    throw new CodedError('bad_request', {
      facts: { sentence: `${PREFIX}… fields are not permitted: a guardrail is set for all requests` },
    });
  }
}
