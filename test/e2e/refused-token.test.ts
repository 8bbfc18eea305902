import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import {
  followLines,
  type GatewayProcess,
  sallyport,
  startGatewayProcess,
  startSallyport,
  transcript,
} from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { signInWithoutBrowser } from '../support/oidc-provider.ts';

let gateway: GatewayProcess;
let folder: string;
let env: Record<string, string>;
const secrets: string[] = [];

interface Stored {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_at_ms: number;
}

function sessionFile(): string {
  const sessions = join(folder, 'sessions');
  return join(sessions, readdirSync(sessions).find((name) => name.endsWith('.json')) ?? '');
}

const stored = (): Stored => JSON.parse(readFileSync(sessionFile(), 'utf8'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-refused-'));
  env = { SALLYPORT_CONFIG_DIR: folder };
  await newEmbeddedFolder(join(folder, 'data/store'));
  gateway = await startGatewayProcess({ args: ['--data', join(folder, 'data')] });
  const login = startSallyport(['login', '--gateway-url', gateway.url, '--no-browser', '--yes'], { env });
  const output = followLines(login);
  const closed = new Promise((resolve) => login.once('close', resolve));
  const link = /(http\S+\/device\?\S+)/.exec(await output.line(/\/device\?/))?.[1] ?? '';
  await signInWithoutBrowser(link);
  expect(await closed).toBe(0);
});

afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A token that this machine takes for good, and the gateway for none: its keys or its clock are others. */
beforeEach(() => {
  const session = stored();
  secrets.push(session.access_token, session.refresh_token);
  const [head, claims] = session.access_token.split('.');
  const spoiled = { ...session, access_token: `${head}.${claims}.${'A'.repeat(43)}` };
  writeFileSync(sessionFile(), JSON.stringify(spoiled));
});

const program = (code: string) => ['run', '--', process.execPath, '--input-type=module', '-e', code];
const POST = `
  const { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: token } = process.env;
  const message = JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 8, messages: [{ role: 'user', content: 'kumquat' }] });
  const post = (body, more = {}) => fetch(url + '/v1/messages', {
    method: 'POST', body, ...more,
    headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' },
  });`;

describe('a token that the gateway refuses before its time', () => {
  it.each([
    ['models', ['models']],
    ['ask', ['ask', 'a', 'kumquat?']],
  ])('is renewed by %s, without a new sign-in', async (_command, args) => {
    const refreshes = gateway.events('session.refresh').length;
    const { code, stderr } = await sallyport(args, { env });
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('Error')]);
    expect(gateway.events('session.refresh')).toHaveLength(refreshes + 1);
    expect((await sallyport(['models'], { env })).code).toBe(0);
    expect(gateway.events('session.refresh')).toHaveLength(refreshes + 1);
  });

  it('is renewed by status', async () => {
    const { code, stdout } = await sallyport(['status', '--json'], { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).gateways).toMatchObject([{ gateway: gateway.url, problem: null }]);
  });

  it('is renewed while a program runs, which does not notice', async () => {
    const ran = await sallyport(
      program(`${POST}
        const all = await Promise.all([post(message), post(message), post(message)]);
        console.log(all.map(({ status }) => status).join());`),
      { env },
    );
    expect(ran).toMatchObject({ code: 0, stdout: '200,200,200\n' });
  });

  it('is renewed for the next request of a program that streams its body', async () => {
    const ran = await sallyport(
      program(`${POST}
        const streamed = () => post(new Blob([message]).stream(), { duplex: 'half' });
        const first = await streamed();
        console.log(first.status, (await first.json()).error.type, (await streamed()).status);`),
      { env },
    );
    expect(ran).toMatchObject({ code: 0, stdout: '401 authentication_error 200\n' });
  });

  it('ends the session when it has been revoked', async () => {
    await ask(`${gateway.url}/oauth/revoke`, { form: { token: stored().refresh_token } });
    const { code, stderr } = await sallyport(['models'], { env });
    expect(code).toBe(3);
    expect(stderr).toContain(`sallyport login --gateway-url ${gateway.url}`);
    expect(readdirSync(join(folder, 'sessions')).filter((name) => name.endsWith('.json'))).toEqual([]);
    expectNoLeaks(transcript, secrets);
  });
});
