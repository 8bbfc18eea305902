import { refusalOfAddress, refusalOfHost } from '../../kernel/address-refusal.ts';
import { parseIpAddress } from '../../kernel/ip-address.ts';
import { isLoopback } from '../listen.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';
import type { ProviderName } from './upstream-keys.ts';

export interface AddressRules {
  readonly provider: ProviderName | undefined;
  readonly allowsLoopback: boolean;
}

/** A `base_url` that connections would be refused to, or that shows the credential to everybody on the way. */
export function checkAddress(
  baseUrl: string | undefined,
  path: Path,
  { provider, allowsLoopback }: AddressRules,
  report: Report,
): void {
  if (baseUrl === undefined) return;
  const { hostname, protocol } = new URL(baseUrl);
  // Nothing that serves a cloud's models is on this machine; what speaks the Messages API may be one day.
  const tell = provider === 'anthropic' ? report.warning : report.error;
  const refusal = refusalOf(hostname, allowsLoopback);
  if (isLoopback(hostname) && !allowsLoopback)
    tell(
      path,
      'is on this machine, and connections to loopback are refused',
      'set CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 in the environment of the gateway',
    );
  else if (refusal !== undefined)
    tell(path, `is ${refusal}, and connections to it are refused`, 'use the address of the upstream');
  else if (protocol === 'http:' && !isLoopback(hostname))
    report.warning(path, 'is plain http: the credential and all prompts travel unencrypted', 'use https');
}

function refusalOf(hostname: string, allowLoopback: boolean): string | undefined {
  const address = parseIpAddress(hostname.replace(/^\[|\]$/g, ''));
  return address ? refusalOfAddress(address, { allowLoopback }) : refusalOfHost(hostname, { allowLoopback });
}
