// Loaded into a child process with --import: on SIGUSR2 its calendar jumps as far as the file says, in milliseconds. What
// counts durations goes on as before, as when the clock of a machine is set.
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['CLOCK_SHIFT_FILE'];
const Calendar = Date;
let shiftMs = 0;

globalThis.Date = class extends Calendar {
  constructor(...args: [] | ConstructorParameters<DateConstructor>) {
    if (args.length === 0) super(Calendar.now() + shiftMs);
    else super(...args);
  }

  static override now(): number {
    return Calendar.now() + shiftMs;
  }
} as DateConstructor;

if (isMainThread && file !== undefined)
  process.on('SIGUSR2', () => {
    shiftMs = Number(readFileSync(file, 'utf8'));
    process.stdout.write(`the clock is ${shiftMs} ms off\n`);
  });
