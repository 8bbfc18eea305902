import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { freePort } from '../support/free-port.ts';
import {
  type GatewayProcess,
  sallyport,
  startGatewayProcess,
  transcript,
} from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';

const API_KEY = 'sk-ant-api03-key-of-a-developer';
const FILE_KEY = 'sk-ant-api03-key-in-the-file';

let folder: string;
let store: string;
let running: GatewayProcess | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-dev-'));
  store = await newEmbeddedFolder();
});

afterAll(async () => {
  await running?.stop();
  for (const path of [folder, store]) rmSync(path, { recursive: true, force: true });
});

/** Starts `gateway --dev`, on a file when there is one, and gives the facts it prints by their names. */
async function start(config?: object, env: Readonly<Record<string, string>> = {}) {
  await running?.stop();
  running = await startGatewayProcess({
    ...(config ? { config: JSON.stringify(config), args: ['--dev'] } : {}),
    env,
  });
  await running.line(/ info caps: /);
  const facts = running.lines.flatMap((line) => {
    const [, name, value] = / info ([a-z ]+): (.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value]];
  });
  return { gateway: running, facts: Object.fromEntries(facts) };
}

describe('gateway --dev', () => {
  it('takes the next free port when 8080 is taken, and prints it', async () => {
    const taken = createServer().listen(8080, '127.0.0.1');
    // Somebody else's listener does as well.
    await new Promise((resolve) => taken.once('listening', resolve).once('error', resolve));
    const { gateway, facts } = await start();
    taken.close();
    expect(Number(new URL(gateway.url).port)).toBeGreaterThan(8080);
    expect(facts).toMatchObject({ 'public url': gateway.url, upstreams: 'practice-model (anthropic)' });
    await gateway.line(new RegExp(`npx sallyport login --gateway-url ${gateway.url}$`));
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
  });

  it('takes ports of its own when several start at once', async () => {
    const together = await Promise.all([startGatewayProcess({ env: {} }), startGatewayProcess({ env: {} })]);
    try {
      const answers = await Promise.all(together.map(({ url }) => fetch(`${url}/healthz`)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(new Set(together.map(({ url }) => url)).size).toBe(2);
    } finally {
      await Promise.all(together.map((gateway) => gateway.stop()));
    }
  });

  it('prints the migrations of its new store between what it has loaded and the banner for practice', async () => {
    const lines = running?.lines ?? [];
    const places = [/"evt":"config\.load"/, /migration 1 applied/, / warn PRACTICE: /, /listening on/].map(
      (pattern) => lines.findIndex((line) => pattern.test(line)),
    );
    expect(places[0]).toBe(0);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(lines.filter((line) => / warn /.test(line))).toEqual([expect.stringContaining('PRACTICE')]);
  });

  it('says on its pages that it is for practice', async () => {
    const page = await fetch(`${running?.url}/`);
    expect(await page.text()).toMatch(/practice/i);
  });

  it('uses the file it is given and fills in only what is missing', async () => {
    const port = await freePort();
    const { gateway, facts } = await start({
      listen: { port },
      store: { embedded: store },
      upstreams: [
        { name: 'mine', provider: 'anthropic', base_url: 'http://127.0.0.1:1', auth: { api_key: FILE_KEY } },
      ],
    });
    expect(gateway.url).toBe(`http://127.0.0.1:${port}`);
    expect(facts).toMatchObject({
      issuer: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/practice-idp$/),
      upstreams: 'mine (anthropic)',
    });
    expect(gateway.lines.join('\n')).toContain('PRACTICE');
  });

  it('has the Anthropic API answer when ANTHROPIC_API_KEY is set', async () => {
    const { facts } = await start({ store: { embedded: store } }, { ANTHROPIC_API_KEY: API_KEY });
    expect(facts['upstreams']).toBe('anthropic (anthropic)');
  });

  it.each(['0.0.0.0', '::', '192.168.1.1'])('refuses to listen on %s', async (host) => {
    const file = join(folder, 'gateway.yaml');
    writeFileSync(file, JSON.stringify({ listen: { host } }));
    const { code, stderr } = await sallyport(['gateway', '--dev', '--config', file]);
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n')).toEqual([
      `Error: listen.host: gateway --dev listens on this machine only, not on ${host}; leave the key out, or start without --dev`,
    ]);
  });

  it('waits for the value of a variable before it judges it', async () => {
    const file = join(folder, 'gateway.yaml');
    const host = ['$', '{LISTEN_HOST}'].join('');
    const listen = { host, public_url: 'https://gateway.example.test' };
    writeFileSync(file, JSON.stringify({ listen, store: { embedded: join(folder, 'never') } }));
    const { code, stderr } = await sallyport(['gateway', '--dev', '--config', file], {
      env: { LISTEN_HOST: '0.0.0.0' },
    });
    expect(code).toBe(2);
    expect(stderr).toContain('listens on this machine only, not on 0.0.0.0');
  });
});

it('has printed no secret', () => {
  expectNoLeaks(transcript, [API_KEY, FILE_KEY]);
});
