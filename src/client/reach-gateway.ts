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
  /** The gateway's addresses as they were judged first. */
  readonly host: CheckedHost;
  readonly connection: GatewayConnection;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Judges a gateway's host and the proxy on the way to it, before anything is connected, and again for each connection
 * made later. Throws what `checkGatewayHost`, `proxyFor` and `checkProxyHost` throw.
 */
export async function reachGateway(gateway: GatewayUrl, options: ReachOptions): Promise<Reached> {
  const { machine, env, internalNetworks } = options;
  const proxy = proxyFor(gateway, env);
  const authorities = onceOnly(() => createSecureContext({ ca: [...machine.certificateAuthorities()] }));

  const judgeHost = () =>
    checkGatewayHost(gateway, machine, { internalNetworks, isProxied: proxy !== undefined });

  async function judgeProxy(): Promise<CheckedProxy | undefined> {
    if (!proxy) return undefined;
    return { ...proxy, addresses: await checkProxyHost(proxy, gateway, machine), secureContext: authorities };
  }

  const host = await judgeHost();
  await judgeProxy();
  const connection = createGatewayConnection({
    gateway,
    route: async () => ({ addresses: (await judgeHost()).addresses, proxy: await judgeProxy() }),
    secureContext: authorities,
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
