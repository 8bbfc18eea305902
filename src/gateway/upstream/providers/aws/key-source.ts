import { type CredentialSource, createCredentialSource } from '../../credential-source.ts';
import type { ProviderParts } from '../../provider.ts';
import type { AwsKeyOptions, AwsKeys } from './credentials.ts';
import { loadDefaultChain } from './default-chain.ts';

/** The vendor's libraries treat keys as stale this long before their end, and so do its services' tools. */
const RENEW_AHEAD_MS = 5 * 60_000;

/** Keys for all requests to one upstream. The operator's own are not known to end, and there are no others. */
export function createKeySource(
  options: AwsKeyOptions,
  region: string,
  { name, clock, log, fetch }: ProviderParts,
): CredentialSource<AwsKeys> {
  if (options.kind === 'keys') {
    const keys: AwsKeys = {
      accessKeyId: options.accessKeyId,
      secretAccessKey: options.secretAccessKey.reveal(),
      sessionToken: options.sessionToken?.reveal(),
    };
    return { get: () => keys, refused: () => false };
  }
  const load = () => loadDefaultChain(region, { fetch, clock });
  return createCredentialSource({ name, load, renewAheadMs: RENEW_AHEAD_MS }, { clock, log });
}
