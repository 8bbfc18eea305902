import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

/** `up` is what clients send, `down` what the server answers. */
export type Direction = 'up' | 'down';

/**
 * What becomes of bytes: they pass, they are held for ever, or both ends of a connection are reset as soon as so many
 * bytes have passed in one direction; 0 means before the first.
 */
export type Mood =
  | { readonly kind: 'pass' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'cut'; readonly direction: Direction; readonly afterBytes: number };

/** Stands between two parts and is the network that fails them. */
export interface TcpRelay {
  readonly port: number;
  /** For what arrives from now on. */
  mood: Mood;
  /** Connections made so far. */
  readonly connections: number;
  /** Connections that were reset because of the mood. */
  readonly cuts: number;
  /** Refuses connections, and resets those there are. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

export async function startTcpRelay(targetPort: number): Promise<TcpRelay> {
  const port = await freePort();
  const open = new Set<Socket>();
  let server: Server | undefined;
  let connections = 0;
  let cuts = 0;

  const accept = (client: Socket): void => {
    connections += 1;
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const passed = { up: 0, down: 0 };
    const reset = (): void => {
      client.resetAndDestroy();
      target.resetAndDestroy();
    };
    const pass = (direction: Direction, from: Socket, to: Socket): void => {
      from.on('data', (bytes: Buffer) => {
        const { mood } = relay;
        if (mood.kind === 'hold') return;
        const isCut = mood.kind === 'cut' && mood.direction === direction;
        const room = isCut ? Math.max(0, mood.afterBytes - passed[direction]) : bytes.length;
        const part = bytes.subarray(0, room);
        passed[direction] += part.length;
        const isOver = part.length < bytes.length;
        if (isOver) cuts += 1;
        if (isOver && part.length === 0) return reset();
        if (!to.write(part, () => isOver && reset())) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('end', () => to.end());
      from.on('close', () => to.destroy());
      from.on('error', () => undefined);
      from.setNoDelay();
      open.add(from);
      from.once('close', () => open.delete(from));
    };
    pass('up', client, target);
    pass('down', target, client);
  };

  const relay: TcpRelay = {
    port,
    mood: { kind: 'pass' },
    get connections() {
      return connections;
    },
    get cuts() {
      return cuts;
    },
    async down() {
      const closed = server && once(server, 'close');
      server?.close();
      server = undefined;
      for (const socket of open) socket.resetAndDestroy();
      await closed;
    },
    async up() {
      server = createServer(accept);
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    close: () => relay.down(),
  };
  await relay.up();
  return relay;
}
