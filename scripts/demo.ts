// Walks the whole way by itself, as a person would see it: start the gateway, sign in (a small program plays the browser),
// ask, see the answer stream, see the audit line, sign out. Exits 0 when every step did what it should.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signInWithoutBrowser } from '../test/support/oidc-provider.ts';
import { createPrograms } from './programs.ts';

const cli = fileURLToPath(new URL('../bin/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
const { ANTHROPIC_API_KEY: _unused, ...inherited } = process.env;
const env = { ...inherited, SALLYPORT_CONFIG_DIR: join(folder, 'developer'), NO_COLOR: '1' };
const start = createPrograms({ cli, env });

say('A platform engineer starts the gateway:');
const gateway = start('gateway', '--dev');
try {
  const url = (await gateway.seen(/listening on (http\S+)\s/))[1] ?? '';

  say('A developer signs in:');
  const login = start('login', '--gateway-url', url, '--no-browser', '--yes');
  const link = (await login.seen(/(http\S+\/device\?\S+)\s/))[1] ?? '';
  say(
    '…opens the link, confirms the code, picks a person at the practice identity provider (played by this script):',
  );
  await signInWithoutBrowser(link);
  await login.ended();

  say('…and asks:');
  await start('models').ended();
  await start('ask', 'What is a sally port?').ended();
  await start('status').ended();

  say('The gateway wrote down who did what (one JSON line, no prompt, no answer):');
  const [line] = await gateway.seen(/^.*"evt":"inference".*$/m);
  console.log(line);

  say('The developer signs out, and the session is over at once:');
  await start('logout').ended();
  await gateway.seen(/"evt":"session.revoke"/);

  say('The platform engineer stops the gateway:');
  gateway.child.kill('SIGTERM');
  await gateway.ended();
  say('Done.');
} finally {
  gateway.child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

function say(text: string): void {
  console.log(`\n# ${text}`);
}
