import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const EXECUTABLE = '/usr/sbin/nginx';

/** nginx is there; in CI it must be. */
export const hasNginx = existsSync(EXECUTABLE);

if (!hasNginx && process.env['CI']) throw new Error(`${EXECUTABLE} is missing: CI installs it`);

export interface Nginx {
  /** Lines of its error log of level `warn` and above. */
  log(): readonly string[];
  stop(): Promise<void>;
}

/** A real nginx. `site` is what stands in its `http` block; it listens on that port of 127.0.0.1. */
export async function startNginx(site: string, port: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-nginx-'));
  const log = join(folder, 'error.log');
  const config = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n');
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${log} warn;
events { worker_connections 4096; }
http { access_log off; ${temporary}
${site}
}`,
  );
  const child = spawn(EXECUTABLE, ['-c', config, '-e', log, '-p', folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'exit');
  await listens(port, child);
  return {
    log: () => readFileSync(log, 'utf8').split('\n').filter(Boolean),
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      await exit;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** nginx prints nothing when it is ready. */
async function listens(port: number, child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  while (child.exitCode === null) {
    const socket = connect({ port, host: '127.0.0.1' });
    const isUp = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isUp) return;
    await delay(20);
  }
  throw new Error(`nginx did not start:\n${said}`);
}
