import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { usageOf } from './cpu.ts';
import { onCore, type Running, root } from './programs.ts';

/** Memory and CPU of streams that are open at once, and what stays when they have ended. */
export async function printOpenStreams(
  gateway: Running,
  token: string,
  count: number,
  seconds: number,
): Promise<void> {
  const before = usageOf(gateway.pid);
  const child = spawn(
    ...onCore(1, process.execPath, ['scripts/bench/streams.ts', gateway.url, token, String(count)]),
    { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  child.once('error', () => undefined);
  const ended = once(child, 'close');
  const hasOpened = child.stdout && (await Promise.race([once(child.stdout, 'data'), ended]));
  if (!String(hasOpened).startsWith('open')) throw new Error(`${count} streams could not be opened`);
  const opened = usageOf(gateway.pid);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const open = usageOf(gateway.pid);
  child.stdin?.end();
  await ended;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const after = usageOf(gateway.pid);
  const each = ((open.rssMegabytes - before.rssMegabytes) * 1024) / count;
  const busy = (open.cpuMicros - opened.cpuMicros) / (seconds * 1e6);
  console.log(
    `${count} open streams, one in ten with 10 events/s: ${each.toFixed(1)} KB RSS each, ${(busy * 100).toFixed(0)} % of a core; ` +
      `RSS ${before.rssMegabytes.toFixed(0)} MB before, ${open.rssMegabytes.toFixed(0)} MB open, ${after.rssMegabytes.toFixed(0)} MB after`,
  );
}
