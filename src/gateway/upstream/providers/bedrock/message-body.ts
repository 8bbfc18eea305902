import type { ScannedBody } from '../../../exchange.ts';
import { type MemberChange, spliceBody } from '../../../http/splice.ts';
import type { OutgoingRequest } from '../../provider.ts';
import { betasOf } from '../../request-headers.ts';
import { withoutTagsBeta } from '../body-betas.ts';

const VERSION = 'bedrock-2023-05-31';

/**
 * The client's bytes in Bedrock's dialect: the model and whether to stream are in the path, the version of the dialect and
 * the betas here.
 */
export function messageBody(request: OutgoingRequest): Buffer {
  const { body } = request;
  const added = dialect(body, body.members.has('anthropic_beta') ? [] : headerBetas(request));
  return spliceBody(body, [
    inPlaceOfModel(added),
    ['stream', undefined],
    ['tags', undefined],
    ...withoutTagsBeta(body),
  ]);
}

/** The members that every body needs, and these betas; JSON text. */
export function dialect({ members }: ScannedBody, betas: readonly string[]): string[] {
  const added = members.has('anthropic_version') ? [] : [`"anthropic_version":"${VERSION}"`];
  return betas.length === 0 ? added : [...added, `"anthropic_beta":${JSON.stringify(betas)}`];
}

/** Every body has a model, and no body that is sent does. */
export function inPlaceOfModel(added: readonly string[]): MemberChange {
  return ['model', added.length === 0 ? undefined : { members: added.join(',') }];
}

/** The betas of the client's header, but for the gateway's own. */
export function headerBetas({ message }: OutgoingRequest): string[] {
  const betas = betasOf(message, undefined)?.split(',') ?? [];
  return betas.map((beta) => beta.trim()).filter((beta) => beta !== '');
}
