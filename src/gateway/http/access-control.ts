import { cidrMatcher } from '../../kernel/cidr.ts';
import { kindOfAddress } from '../../kernel/ip-address.ts';
import { escapeControl, type Log } from '../../kernel/log.ts';
import type { Audit } from '../exchange.ts';
import type { ClientAddress } from './client-address.ts';

export interface AccessControlOptions {
  readonly allowCidrs: readonly string[];
  readonly denyCidrs: readonly string[];
}

export type Admission = { readonly kind: 'admitted'; readonly ip: string } | { readonly kind: 'denied' };

/** `allow_cidrs` does not hold for these, so that probes work from wherever they come; `deny_cidrs` does. */
const PROBES = new Set(['/healthz', '/readyz']);

/** Judges each request's client address: deny first, then allow (which denies everybody else once it is set). */
export function createAccessControl(
  options: AccessControlOptions,
  { audit, log }: { readonly audit: Audit; readonly log: Log },
): (client: ClientAddress, path: string, requestId: string) => Admission {
  const isDenied = cidrMatcher(options.denyCidrs);
  const isAllowed = cidrMatcher(options.allowCidrs);
  const hasLists = options.denyCidrs.length > 0 || options.allowCidrs.length > 0;
  let hasWarnedOfProxy = false;
  let hasSeenPublicClient = false;

  const deny = (requestId: string, reason: string, fields: Record<string, string>): Admission => {
    audit('access.denied', requestId, { reason, ...fields });
    return { kind: 'denied' };
  };

  return (client, path, requestId) => {
    if (client.kind === 'unknown') {
      return hasLists ? deny(requestId, 'client_ip_unknown', {}) : { kind: 'admitted', ip: '' };
    }
    if (client.kind === 'unparseable') {
      const entry = escapeControl(client.entry).slice(0, 100);
      if (hasLists) return deny(requestId, 'xff_unparseable', { client_ip: client.proxy, entry });
      if (!hasWarnedOfProxy) {
        hasWarnedOfProxy = true;
        log.warn(
          `X-Forwarded-For holds an entry that is no address (${entry}); using the proxy's address ${client.proxy}. This is logged once.`,
        );
      }
      return { kind: 'admitted', ip: client.proxy };
    }
    const { ip, address } = client;
    if (options.denyCidrs.length > 0 && isDenied(address))
      return deny(requestId, 'deny_cidr', { client_ip: ip });
    const isProbe = PROBES.has(path);
    if (options.allowCidrs.length > 0) {
      if (!isProbe && !isAllowed(address)) return deny(requestId, 'not_in_allow_cidrs', { client_ip: ip });
    } else if (!hasSeenPublicClient && !isProbe && kindOfAddress(address) === 'public') {
      hasSeenPublicClient = true;
      audit('access.public_client', requestId, { client_ip: ip });
      log.warn(
        `a client came from the public address ${ip} and access_control.allow_cidrs is empty: this gateway may be reachable from the internet. This is logged once.`,
      );
    }
    return { kind: 'admitted', ip };
  };
}
