import { createSecureContext, type SecureContext } from 'node:tls';
import { createGatewayConnection, type GatewayConnection } from './gateway-connection.ts';
import type { GatewayUrl } from './gateway-url.ts';
import type { InternalNetwork } from './internal-networks.ts';
import type { Machine } from './machine.ts';
import { type CheckedHost, checkGatewayHost, checkProxyHost } from './private-network.ts';
import { proxyFor } from './proxy.ts';
import type { CheckedProxy } from './proxy-tunnel.ts';

export interface ReachOptions {
  readonly machine: Machine;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The machine's declared blocks; asked for when the gateway's address is not private. */
  readonly internalNetworks: () => readonly InternalNetwork[];
}

export interface Reached {
  readonly host: CheckedHost;
  readonly connection: GatewayConnection;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Judges a gateway's host and the proxy on the way to it, before anything is connected. The connection goes to the
 * judged addresses only. Throws what `checkGatewayHost`, `proxyFor` and `checkProxyHost` throw.
 */
export async function reachGateway(
  gateway: GatewayUrl,
  { machine, env, internalNetworks }: ReachOptions,
): Promise<Reached> {
  const proxy = proxyFor(gateway, env);
  const host = await checkGatewayHost(gateway, machine, { internalNetworks, isProxied: proxy !== undefined });
  const secureContext = onceOnly(() => createSecureContext({ ca: [...machine.certificateAuthorities()] }));
  const checkedProxy: CheckedProxy | undefined = proxy && {
    ...proxy,
    addresses: await checkProxyHost(proxy, gateway, machine),
    secureContext,
  };
  const connection = createGatewayConnection({
    gateway,
    addresses: host.addresses,
    proxy: checkedProxy,
    secureContext,
    timeoutMs: CONNECT_TIMEOUT_MS,
  });
  return { host, connection };
}

/** Reading the authorities takes tens of milliseconds: once is enough. */
function onceOnly(make: () => SecureContext): () => SecureContext {
  let made: SecureContext | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
