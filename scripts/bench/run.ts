// npm run bench: CPU time per request of the gateway next to a plain reverse proxy in the same run. See docs/performance.md.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { freePort } from '../../test/support/free-port.ts';
import { signInWithoutBrowser } from '../../test/support/oidc-provider.ts';
import { bodyOf } from './body.ts';
import { usageOf } from './cpu.ts';

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

const root = fileURLToPath(new URL('../..', import.meta.url));
const isSmoke = process.argv.includes('--smoke');
const seconds = isSmoke ? 1 : 5;
const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const children: ChildProcess[] = [];
/** Served by Bedrock only. */
const FRAMES_MODEL = 'claude-bench-frames';
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
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
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
  await printFirstByte(`http://127.0.0.1:${upstreamPort}`, gateway.url, token);
  printHelpTime();
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

async function startUpstream(): Promise<number> {
  const child = spawn(...onCore(1, process.execPath, ['scripts/bench/upstream.ts']), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [chunk] = child.stdout ? await once(child.stdout, 'data') : [''];
  return Number(String(chunk).trim());
}

async function startNginx(upstreamPort: number): Promise<{ pid: number; url: string } | undefined> {
  const binary = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find(existsSync);
  if (!binary) return undefined;
  const port = await freePort();
  const config = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http { access_log off; client_max_body_size 64m; client_body_buffer_size 2m; client_body_temp_path ${folder}; proxy_temp_path ${folder};
  fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; keepalive_requests 1000000000;
  upstream up { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } } }`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const child = spawn(
    ...onCore(0, binary, ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]),
    { stdio: 'inherit' },
  );
  children.push(child);
  await untilAnswers(`http://127.0.0.1:${port}/`);
  return { pid: child.pid ?? 0, url: `http://127.0.0.1:${port}` };
}

async function startGateway(upstreamPort: number): Promise<{ pid: number; url: string }> {
  const config = join(folder, 'gateway.yaml');
  writeFileSync(config, configFor(`http://127.0.0.1:${upstreamPort}`));
  const child = spawn(
    ...onCore(0, process.execPath, ['scripts/bench/built.js', 'gateway', '--dev', '--config', config]),
    {
      cwd: root,
      env: { ...process.env, CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  children.push(child);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (chunk) => {
      if (text.length > 1_000_000) return;
      text += chunk;
      const match = /listening on (http\S+)/.exec(text);
      if (match?.[1]) resolve(match[1]);
    });
    child.once('close', () => reject(new Error(`the gateway did not start:\n${text}`)));
  });
  return { pid: child.pid ?? 0, url };
}

function configFor(upstream: string): string {
  const key = () => randomBytes(16).toString('hex');
  return `upstreams:
  - provider: anthropic
    base_url: ${upstream}
    auth: { api_key: ${key()} }
  - provider: bedrock
    base_url: ${upstream}
    region: us-east-1
    auth: { aws_access_key_id: ${key()}, aws_secret_access_key: ${key()} }
models:
  - id: ${FRAMES_MODEL}
    upstream_model: { bedrock: us.anthropic.claude-bench }
`;
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

/** Time to the first byte, one request at a time: what the gateway adds to the upstream's own. */
async function printFirstByte(upstream: string, gateway: string, token: string): Promise<void> {
  const runs = isSmoke ? 20 : 1000;
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

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function printHelpTime(): void {
  const times: number[] = [];
  for (let run = 0; run < (isSmoke ? 3 : 15); run += 1) {
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

async function untilAnswers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing answers at ${url}`);
}

/** Servers under test on one core, everything else on the other, where the machine has two and taskset. */
function onCore(core: number, command: string, args: readonly string[]): [string, string[]] {
  const canPin = cpus().length > 1 && existsSync('/usr/bin/taskset');
  return canPin ? ['/usr/bin/taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}
