// Loaded into a child process with --import: writes down where it connects to, and lets it reach this machine only.
import { appendFileSync } from 'node:fs';
import { isIP, Socket } from 'node:net';

const file = process.env['RECORD_CONNECTIONS'];
const original = Socket.prototype.connect;

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  const { host = 'localhost', port, path, lookup } = destinationOf(args);
  const judge = (name: unknown): void => {
    if (file !== undefined) appendFileSync(file, `${path ?? `${name}:${port}`}\n`);
    const isOwn = path !== undefined || /^(localhost|127(\.\d+){3}|::1)$/.test(String(name));
    if (!isOwn) this.destroy(new Error('this test lets nobody reach that'));
  };
  // A name that the program looks up itself may stand for anything; Node does not connect once the socket is destroyed.
  if (typeof lookup === 'function' && isIP(String(host)) === 0)
    this.on('lookup', (_error, address) => judge(address));
  else judge(host);
  return this.destroyed ? this : Reflect.apply(original, this, args);
};

/** Of `connect(options)`, `connect(port, host)`, `connect(path)`, or what Node has made of one of them. */
function destinationOf([first, second]: readonly unknown[]): Readonly<Record<string, unknown>> {
  if (Array.isArray(first)) return destinationOf(first);
  if (typeof first === 'object' && first !== null) return { ...first };
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first };
  return { port: first, host: typeof second === 'string' ? second : undefined };
}
