import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresTarget } from './postgres-url.ts';

/** Makes the connections of one pool, for the driver's `socket` option. */
export interface PostgresConnector {
  /** Never rejects: what fails, fails as an event of the socket. */
  open(): Promise<Socket>;
  /** Cuts every connection, answered or not, and lets no new one live. */
  cutAll(): void;
}

const WINDOW_MS = 1_000;

/**
 * Left to itself the driver calls again at once, for ever, when a server takes connections and hangs up (a balancer whose
 * database is gone does that), and keeps a connection that is never answered, closed pool or not.
 */
export function createPostgresConnector(
  { host, port }: Pick<PostgresTarget, 'host' | 'port'>,
  maxPerSecond: number,
): PostgresConnector {
  const openedAt: number[] = [];
  const sockets = new Set<Socket>();
  let isCut = false;

  /** Waits until fewer than `maxPerSecond` have been opened in the second before. */
  const pace = async (): Promise<void> => {
    const oldest = openedAt.at(-maxPerSecond) ?? Number.NEGATIVE_INFINITY;
    const now = performance.now();
    const at = Math.max(now, oldest + WINDOW_MS);
    openedAt.push(at);
    openedAt.splice(0, openedAt.length - maxPerSecond);
    if (at > now) await delay(at - now);
  };

  return {
    async open() {
      await pace();
      const place = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
      // The driver takes the name for TLS from here.
      const socket = Object.assign(connect(place), place);
      for (const other of sockets) if (other.destroyed) sockets.delete(other);
      sockets.add(socket);
      // As an error, or the driver would try again; and not before it listens.
      if (isCut) setImmediate(() => socket.destroy(ended()));
      return socket;
    },
    cutAll() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}

function ended(): Error {
  return Object.assign(new Error('the pool has ended'), { code: 'POOL_ENDED' });
}
