import type { Clock } from '../../../../kernel/clock.ts';
import type { Lease } from '../../credential-source.ts';
import { inTime, vendorReason } from '../vendor-wait.ts';

/** The chain ends with programs that a developer's machine may have. */
const LONGEST_LOAD_MS = 30_000;

/**
 * A header with a token of Entra ID, from the vendor's default chain: environment, workload identity, managed identity,
 * Azure CLI. Each call asks anew, so that rotated files are seen.
 */
export async function loadEntraToken(scope: string, clock: Clock): Promise<Lease<readonly string[]>> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  try {
    // The authority is the operator's own word: asking the public cloud about it would leave a sovereign one.
    const chain = new DefaultAzureCredential({ disableInstanceDiscovery: true });
    const asked = new AbortController();
    const answer = chain.getToken(scope, { abortSignal: asked.signal });
    const { token, expiresOnTimestamp } = await inTime(answer, 'Entra ID', LONGEST_LOAD_MS, clock).finally(
      () => asked.abort(),
    );
    return { value: ['authorization', `Bearer ${token}`], expiresAtMs: expiresOnTimestamp };
  } catch (error) {
    throw new Error(vendorReason(error));
  }
}
