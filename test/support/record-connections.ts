// Loaded into a child process with --import: writes down every lookup and every connection it tries to make.
import { appendFileSync } from 'node:fs';
import { Socket } from 'node:net';

const file = process.env['RECORD_CONNECTIONS'];
const original = Socket.prototype.connect;

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(args[0])}\n`);
  return Reflect.apply(original, this, args);
};
