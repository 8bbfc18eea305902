// Walks the whole way by itself, as a person would see it: start the gateway, sign in (a small program plays the browser),
// ask, see the answer stream, see the audit line, sign out. Exits 0 when every step did what it should.
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
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
  const url = (await gateway.seen(/listening on (http\S+)/))[1] ?? '';

  say('A developer signs in:');
  const login = start('login', '--gateway-url', url, '--no-browser', '--yes');
  const link = (await login.seen(/(http\S+\/device\?\S+)/))[1] ?? '';
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
  await gateway.seen(/"evt":"inference"/);

  say('The developer signs out, and the session is over at once:');
  await ended(start('logout'));
  await gateway.seen(/"evt":"session.revoke"/);

  say('The platform engineer stops the gateway:');
  gateway.child.kill('SIGTERM');
  await ended(gateway);
  say('Done.');
} finally {
  gateway.child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

function say(text: string): void {
  console.log(`\n# ${text}`);
}

interface Program {
  readonly child: ChildProcess;
  /** Resolves with the first match in everything the program prints, before or after the question. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
}

function start(...args: string[]): Program {
  console.log(`$ sallyport ${args.join(' ')}`);
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const printed = new EventEmitter();
  for (const [stream, out] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    stream?.on('data', (chunk: Buffer) => {
      out.write(chunk);
      text += chunk.toString();
      printed.emit('text');
    });
  }
  return {
    child,
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text);
          if (match) resolve(match);
        };
        printed.on('text', look);
        child.once('close', (code) => reject(new Error(`ended with ${code} before printing ${pattern}`)));
        look();
      }),
  };
}

async function ended({ child }: Program): Promise<void> {
  const [code] = child.exitCode === null ? await once(child, 'close') : [child.exitCode];
  if (code !== 0) throw new Error(`ended with ${code}`);
}
