// The programs of the benchmark: upstream, nginx, gateway, each on its core, all ended together.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/free-port.ts';

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
}

/** Served by Bedrock only. */
export const FRAMES_MODEL = 'claude-bench-frames';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** For what the programs read and write. */
export const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const children: ChildProcess[] = [];

export function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

export async function startUpstream(): Promise<number> {
  const child = spawn(...onCore(1, process.execPath, ['scripts/bench/upstream.ts']), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [chunk] = child.stdout ? await once(child.stdout, 'data') : [''];
  return Number(String(chunk).trim());
}

export async function startNginx(upstreamPort: number): Promise<Running | undefined> {
  const binary = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find(existsSync);
  if (!binary) return undefined;
  const port = await freePort();
  const config = `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 16384; }
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
  return { child, pid: child.pid ?? 0, url: `http://127.0.0.1:${port}` };
}

export async function startGateway(upstreamPort: number, options: readonly string[] = []): Promise<Running> {
  const port = await freePort();
  const config = join(folder, `gateway-${port}.yaml`);
  writeFileSync(config, configFor(`http://127.0.0.1:${upstreamPort}`, port));
  const child = spawn(
    ...onCore(0, process.execPath, [
      'scripts/bench/built.js',
      'gateway',
      '--dev',
      '--config',
      config,
      ...options,
    ]),
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
  return { child, pid: child.pid ?? 0, url };
}

function configFor(upstream: string, port: number): string {
  const key = () => randomBytes(16).toString('hex');
  return `listen:
  port: ${port}
upstreams:
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
export function onCore(core: number, command: string, args: readonly string[]): [string, string[]] {
  const canPin = cpus().length > 1 && existsSync('/usr/bin/taskset');
  return canPin ? ['/usr/bin/taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}
