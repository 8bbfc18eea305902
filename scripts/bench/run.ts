// npm run bench: CPU time per request of the gateway next to a plain reverse proxy in the same run. See docs/performance.md.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { signInWithoutBrowser } from '../../test/support/oidc-provider.ts';
import { bodyOf } from './body.ts';
import { usageOf } from './cpu.ts';
import { printOpenStreams } from './open-streams.ts';
import {
  endAll,
  FRAMES_MODEL,
  folder,
  onCore,
  root,
  startGateway,
  startNginx,
  startUpstream,
} from './programs.ts';
import { printBootTime, printFirstByte, printHelpTime } from './times.ts';

const Grant = z.object({ device_code: z.string(), verification_uri_complete: z.string() });
const Tokens = z.object({ access_token: z.string() });

interface Case {
  readonly name: string;
  readonly bodyBytes: number;
  readonly query: string;
  readonly model?: string;
}

interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuMicros: number;
  readonly rssMegabytes: number;
}

const isSmoke = process.argv.includes('--smoke');
const seconds = isSmoke ? 1 : 5;
const cases: readonly Case[] = [
  { name: '1 KB body, JSON answer', bodyBytes: 1024, query: '' },
  { name: '64 KB body, JSON answer', bodyBytes: 64 * 1024, query: '' },
  { name: '1 MB body, JSON answer', bodyBytes: 1024 * 1024, query: '' },
  { name: '64 KB body, SSE of 150 events', bodyBytes: 64 * 1024, query: '?case=sse' },
  {
    name: '64 KB body, SSE of 150 events, through Bedrock frames',
    bodyBytes: 64 * 1024,
    query: '?case=frames',
    model: FRAMES_MODEL,
  },
];

try {
  await main();
} finally {
  endAll();
}
process.exit();

async function main(): Promise<void> {
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: root, stdio: 'inherit' });
  const upstreamPort = await startUpstream();
  const nginx = await startNginx(upstreamPort);
  const gateway = await startGateway(upstreamPort);
  const token = await signIn(gateway.url);

  console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`);
  if (!nginx) console.log('nginx is not installed: no yardstick in this run');
  console.log('| case | target | requests/s | p50 ms | p99 ms | CPU us/request | RSS MB | ratio |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const scenario of cases) {
    const { name, query, ...kind } = scenario;
    const body = join(folder, `body-${cases.indexOf(scenario)}.json`);
    writeFileSync(body, bodyOf({ ...kind, isStream: query !== '' }));
    const yardstick = nginx ? await measure(nginx.pid, nginx.url, scenario, body, token) : undefined;
    if (yardstick) print(name, 'nginx', yardstick);
    const figures = await measure(gateway.pid, gateway.url, scenario, body, token);
    print(name, 'sallyport', figures, yardstick);
  }
  await printFirstByte(`http://127.0.0.1:${upstreamPort}`, gateway.url, token, isSmoke ? 20 : 1000);
  for (const streams of isSmoke ? [50] : [1_000, 5_000])
    await printOpenStreams(gateway, token, streams, seconds);
  await printBootTime(upstreamPort, isSmoke ? 1 : 5);
  printHelpTime(isSmoke ? 3 : 15);
}

async function measure(
  pid: number,
  url: string,
  scenario: Case,
  body: string,
  token: string,
): Promise<Figures> {
  const target = `${url}/v1/messages${scenario.query}`;
  await load(target, body, token, isSmoke ? 1 : 2);
  const before = usageOf(pid);
  const result = await load(target, body, token, seconds);
  const after = usageOf(pid);
  if (result.failed > 0 || result.requests === 0) {
    throw new Error(
      `${scenario.name} at ${url}: ${result.failed} of ${result.requests + result.failed} requests failed`,
    );
  }
  return {
    ...result,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / result.requests,
    rssMegabytes: after.rssMegabytes,
  };
}

function load(url: string, body: string, token: string, duration: number): Promise<LoadResult> {
  const args = ['scripts/bench/load.ts', url, body, token, String(duration)];
  return new Promise((resolve, reject) => {
    const child = spawn(...onCore(1, process.execPath, args), {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    child.once('close', (code) =>
      code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`load ended with ${code}`)),
    );
  });
}

interface LoadResult {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

function print(name: string, target: string, figures: Figures, yardstick?: Figures): void {
  const ratio = yardstick ? (figures.cpuMicros / yardstick.cpuMicros).toFixed(1) : '';
  const columns = [
    name,
    target,
    figures.perSecond.toFixed(0),
    figures.p50,
    figures.p99,
    figures.cpuMicros.toFixed(0),
    figures.rssMegabytes.toFixed(0),
    ratio,
  ];
  console.log(`| ${columns.join(' | ')} |`);
}

/** The real device flow; a small program plays the browser. */
async function signIn(url: string): Promise<string> {
  const grant = Grant.parse(
    await (await fetch(`${url}/oauth/device_authorization`, { method: 'POST' })).json(),
  );
  await signInWithoutBrowser(grant.verification_uri_complete);
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: grant.device_code,
  });
  const answer = await (await fetch(`${url}/oauth/token`, { method: 'POST', body: form })).json();
  return Tokens.parse(answer).access_token;
}
