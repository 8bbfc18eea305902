// Walks the whole way by itself, as a person would see it: start the gateway, sign in (a small program plays the browser),
// ask, see the answer stream, see the audit line, sign out. Exits 0 when every step did what it should.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signInWithoutBrowser } from '../test/support/oidc-provider.ts';

const cli = fileURLToPath(new URL('../bin/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
const { ANTHROPIC_API_KEY: _unused, ...inherited } = process.env;
const env = { ...inherited, SALLYPORT_CONFIG_DIR: join(folder, 'developer'), NO_COLOR: '1' };

say('A platform engineer starts the gateway:');
const gateway = start('gateway', '--dev');
try {
  const url = (await seen(gateway, /listening on (http\S+)/))[1] ?? '';

  say('A developer signs in:');
  const login = start('login', '--gateway-url', url, '--no-browser', '--yes');
  const link = (await seen(login, /(http\S+\/device\?\S+)/))[1] ?? '';
  say(
    '…opens the link, confirms the code, picks a person at the practice identity provider (played by this script):',
  );
  await signInWithoutBrowser(link);
  await ended(login);

  say('…and asks:');
  await ended(start('models'));
  await ended(start('ask', 'What is a sally port?'));
  await ended(start('status'));

  say('The gateway wrote down who did what (one JSON line, no prompt, no answer):');
  await seen(gateway, /"evt":"inference"/);

  say('The developer signs out, and the session is over at once:');
  await ended(start('logout'));
  await seen(gateway, /"evt":"session.revoke"/);

  say('The platform engineer stops the gateway:');
  gateway.kill('SIGTERM');
  await ended(gateway);
  say('Done.');
} finally {
  gateway.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

function say(text: string): void {
  console.log(`\n# ${text}`);
}

function start(...args: string[]): ChildProcess {
  console.log(`$ sallyport ${args.join(' ')}`);
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout?.pipe(process.stdout, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  return child;
}

/** Resolves with the first match in what the process prints from now on. */
function seen(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (chunk: Buffer) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match) resolve(match);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('close', (code) => reject(new Error(`ended with ${code} before printing ${pattern}`)));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  const [code] = child.exitCode === null ? await once(child, 'close') : [child.exitCode];
  if (code !== 0) throw new Error(`ended with ${code}`);
}
