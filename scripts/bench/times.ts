// What the benchmark times: the first byte, the boot, the help.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { bodyOf } from './body.ts';
import { folder, root, startGateway } from './programs.ts';
import { quantile } from './quantile.ts';

/** Time to the first byte, one request at a time: what the gateway adds to the upstream's own. */
export async function printFirstByte(
  upstream: string,
  gateway: string,
  token: string,
  runs: number,
): Promise<void> {
  const direct = await firstByteTimes(upstream, token, runs);
  const through = await firstByteTimes(gateway, token, runs);
  const added = (share: number) => (quantile(through, share) - quantile(direct, share)).toFixed(2);
  console.log(`added time to first byte, one stream at a time: p50 ${added(0.5)} ms, p99 ${added(0.99)} ms`);
}

async function firstByteTimes(url: string, token: string, runs: number): Promise<number[]> {
  const body = bodyOf({ bodyBytes: 16 * 1024, isStream: true });
  const times: number[] = [];
  for (let run = 0; run < runs + 50; run += 1) {
    const began = performance.now();
    await new Promise<void>((resolve, reject) => {
      const call = request(`${url}/v1/messages?case=sse`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      });
      call.once('error', reject);
      call.once('response', (response) => {
        response.once('data', () => {
          if (run >= 50) times.push(performance.now() - began);
        });
        response.resume();
        response.once('end', resolve);
      });
      call.end(body);
    });
  }
  return times.sort((a, b) => a - b);
}

/** From the start of the process to listening, with an embedded store that is there already. */
export async function printBootTime(upstreamPort: number, runs: number): Promise<void> {
  const data = join(folder, 'data');
  const times: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const began = performance.now();
    const { child } = await startGateway(upstreamPort, ['--data', data]);
    if (run > 0) times.push(performance.now() - began);
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  const median = quantile(
    times.sort((a, b) => a - b),
    0.5,
  );
  console.log(`boot to listening, embedded store warm: median ${median.toFixed(0)} ms`);
}

export function printHelpTime(runs: number): void {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now();
    spawnSync(process.execPath, ['scripts/bench/built.js', '--help'], { cwd: root, stdio: 'ignore' });
    times.push(performance.now() - began);
  }
  console.log(
    `sallyport --help, built: median ${quantile(
      times.sort((a, b) => a - b),
      0.5,
    ).toFixed(0)} ms`,
  );
}
