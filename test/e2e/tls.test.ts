import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import {
  type CommandResult,
  followLines,
  type GatewayProcess,
  sallyport,
  startSallyport,
  transcript,
} from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { signInWithoutBrowser } from '../support/oidc-provider.ts';
import { createAuthority, type Leaf } from '../support/tls.ts';

let folder: string;
let store: string;
let deployment: Deployment;
let gateway: GatewayProcess;
let url: string;
let leaf: Leaf;
let renewed: Leaf;
/** Where the gateway reads its certificate. */
let tls: { readonly cert: string; readonly key: string };
/** Tokens that were printed on purpose. */
const tokens: string[] = [];

const at = (name: string): string => join(folder, name);
const host = '127.0.0.1';

/** A developer whose machine trusts the authority, unless it does not. */
const developer = (name: string, trusts = true): Record<string, string> => ({
  SALLYPORT_CONFIG_DIR: at(name),
  ...(trusts ? { NODE_EXTRA_CA_CERTS: at('authority.pem') } : {}),
});
const ada = () => developer('ada');

function install({ cert, key }: Leaf): void {
  writeFileSync(tls.cert, cert);
  writeFileSync(tls.key, key);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'));
  store = await newEmbeddedFolder();
  tls = { cert: at('cert.pem'), key: at('key.pem') };
  const authority = createAuthority('Example Corp Authority');
  [leaf, renewed] = [authority.issue([`IP:${host}`]), authority.issue([`IP:${host}`])];
  writeFileSync(at('authority.pem'), authority.certificate);
  // The small program that plays the browser trusts it, too.
  setDefaultCACertificates([...getCACertificates('default'), authority.certificate]);
  install(leaf);
  deployment = await startDeployment({ store: { embedded: store }, tls });
  [gateway] = deployment.gateways;
  url = gateway.url;
});

afterAll(async () => {
  await gateway?.stop();
  await deployment?.close();
  for (const path of [folder, store]) rmSync(path, { recursive: true, force: true });
});

/** Signs in without a terminal; the small program approves the link. */
async function signIn(env: Record<string, string>, fingerprint: string): Promise<CommandResult> {
  const args = ['login', '--gateway-url', url, '--no-browser', '--fingerprint', fingerprint];
  const login = startSallyport(args, { env });
  const output = followLines(login);
  const closed = once(login, 'close');
  const [, link = ''] = /Link +(https\S+)/.exec(await output.line(/^Link /)) ?? [];
  await signInWithoutBrowser(link);
  await closed;
  return { code: login.exitCode, stdout: '', stderr: output.lines.join('\n') };
}

const refusedLogin = (env: Record<string, string>, ...args: readonly string[]) =>
  sallyport(['login', '--gateway-url', url, ...args], { env });

/** What a command prints that is meant to print a token; the token is kept for the search for leaks. */
async function printing(args: readonly string[], pattern: RegExp): Promise<string> {
  const { code, stdout } = await sallyport(args, { env: ada() });
  transcript.splice(transcript.lastIndexOf(stdout), 1);
  expect(code).toBe(0);
  const [, token = ''] = pattern.exec(stdout) ?? [];
  tokens.push(token);
  return token;
}

describe('a gateway with listen.tls', () => {
  it('prints the first 16 digits of its fingerprint when it starts', async () => {
    const digits = leaf.fingerprint.slice(0, 16);
    await gateway.line(new RegExp(` info certificate: fingerprint ${digits}, valid until \\d{4}-`));
  });

  it('tells browsers to come back over https only', async () => {
    const answer = await fetch(`${url}/`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=[1-9]\d{6,}/);
  });
});

describe('login is refused with exit code 4', () => {
  it('on a machine that does not trust the authority, with the two ways to trust it', async () => {
    const refused = await refusedLogin(developer('stranger', false), '--fingerprint', leaf.fingerprint);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(
      /^Error: Could not verify the gateway's TLS certificate: (UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)\n/,
    );
    expect(refused.stderr).toContain("add it to the operating system's trust store");
    expect(refused.stderr).toContain('name its PEM file in NODE_EXTRA_CA_CERTS');
  });

  it('without a terminal and without --fingerprint, naming the fingerprint to compare', async () => {
    const refused = await refusedLogin(developer('stranger'));
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(`fingerprint ${leaf.fingerprint.slice(0, 16)}`);
    expect(refused.stderr).toMatch(/sallyport login --gateway-url https:\S+ --fingerprint [0-9a-f]{16}$/m);
  });

  it.each([16, 64])(
    'when the %d digits of --fingerprint are those of another certificate',
    async (digits) => {
      const refused = await refusedLogin(
        developer('stranger'),
        '--fingerprint',
        renewed.fingerprint.slice(0, digits),
      );
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain(
        `The TLS certificate of ${host} has the fingerprint ${leaf.fingerprint.slice(0, 16)}, not ${renewed.fingerprint.slice(0, 16)}`,
      );
    },
  );

  it('and nothing was asked of the gateway', () => {
    expect(gateway.events('auth.device_authorization')).toEqual([]);
    expect(deployment.provider.requests.filter(({ path }) => path === '/token')).toEqual([]);
  });
});

describe('a developer whose machine trusts the authority', () => {
  it('signs in with all 64 digits of the fingerprint, and with 16', async () => {
    const [all, some] = await Promise.all([
      signIn(developer('pat'), leaf.fingerprint),
      signIn(ada(), leaf.fingerprint.slice(0, 16)),
    ]);
    expect([all.code, some.code]).toEqual([0, 0]);
    expect(some.stderr).toContain(`Signed in to ${url} as `);
  });

  it('sees the session and the trusted certificate', async () => {
    const { code, stdout } = await sallyport(['status', '--json'], { env: ada() });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).gateways).toMatchObject([
      { gateway: url, fingerprint: leaf.fingerprint, problem: null },
    ]);
  });

  it('lists models and asks', async () => {
    const models = await sallyport(['models', '--json'], { env: ada() });
    expect(JSON.parse(models.stdout).data).not.toEqual([]);
    const asked = await sallyport(['ask', '--json', 'a', 'mangosteen?'], { env: ada() });
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining('hello') });
    expect(deployment.upstream.requests.at(-1)?.body.toString()).toContain('mangosteen');
  });

  it('has a token, and variables for a shell, that the gateway takes', async () => {
    const printed = [
      await printing(['token'], /^(\S+)\n$/),
      await printing(['env', '--shell', 'sh'], /ANTHROPIC_AUTH_TOKEN='(\S+)'/),
    ];
    for (const token of printed) {
      const answer = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status).toBe(200);
    }
  });

  it('runs a program that knows nothing of the authority', async () => {
    const program = `const r = await fetch(process.env.ANTHROPIC_BASE_URL + '/v1/models', { headers: { 'x-api-key': process.env.ANTHROPIC_AUTH_TOKEN } }); console.log(r.status)`;
    const ran = await sallyport(['run', '--', process.execPath, '--input-type=module', '-e', program], {
      env: ada(),
    });
    expect(ran).toMatchObject({ code: 0, stdout: '200\n' });
  });

  it('signs out', async () => {
    const { code, stderr } = await sallyport(['logout'], { env: developer('pat') });
    expect(code).toBe(0);
    expect(stderr).toContain('the gateway has ended the session');
    await gateway.event('session.revoke');
  });
});

async function restartWith(other: Leaf): Promise<void> {
  install(other);
  await gateway.stop();
  gateway = await deployment.start(deployment.configs[0] ?? {});
}

/** Takes the gateway's place with another certificate, and counts what it is sent. */
async function startImpostor({ key, cert }: Leaf) {
  let connections = 0;
  let bytes = 0;
  const server = createServer({ key, cert }, (socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        bytes += chunk.length;
      });
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(Number(new URL(url).port), host);
  await once(server, 'listening');
  return {
    /** Those since the last question. */
    takeConnections() {
      const taken = connections;
      connections = 0;
      return taken;
    },
    bytes: () => bytes,
    async close() {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('after the certificate was replaced', () => {
  const changed = () =>
    `The TLS certificate of ${host} changed: trusted is ${leaf.fingerprint.slice(0, 16)}, presented is ${renewed.fingerprint.slice(0, 16)}`;

  let impostor: Awaited<ReturnType<typeof startImpostor>>;

  beforeAll(async () => {
    await gateway.stop();
    impostor = await startImpostor(renewed);
  });

  const program = [process.execPath, '-e', 'console.log("it ran")'];
  it.each([
    ['models', ['models']],
    ['ask', ['ask', 'a', 'mangosteen?']],
    ['status', ['status']],
    ['token', ['token']],
    ['env', ['env']],
    ['run', ['run', '--', ...program]],
    ['run --direct', ['run', '--direct', '--', ...program]],
  ])('%s is refused with exit code 4, and not a byte is sent', async (_command, args) => {
    const refused = await sallyport(args, { env: ada() });
    expect(refused.stderr).toContain(changed());
    expect(refused.stderr).toContain("Ask your gateway's operator whether it was renewed");
    expect(refused.stdout).not.toContain('it ran');
    expect(refused.code).toBe(4);
    expect(impostor.takeConnections()).toBeGreaterThan(0);
    expect(impostor.bytes()).toBe(0);
  });

  it('login without a terminal is refused as well, until --fingerprint names the new one', async () => {
    await impostor.close();
    await restartWith(renewed);
    const refused = await refusedLogin(ada());
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(changed());
    expect((await signIn(ada(), renewed.fingerprint.slice(0, 16))).code).toBe(0);
    expect((await sallyport(['models'], { env: ada() })).code).toBe(0);
  }, 60_000);

  it('logout forgets the session all the same, and sends nothing', async () => {
    await restartWith(leaf);
    const { code, stderr } = await sallyport(['logout'], { env: ada() });
    expect(code).toBe(4);
    expect(stderr).toContain(`Forgot the session at ${url}, but the gateway has not ended it: The TLS`);
    expect(gateway.events('session.revoke')).toEqual([]);
    expect((await sallyport(['models'], { env: ada() })).code).toBe(3);
  }, 60_000);
});

it('nothing secret was printed', () => {
  expect(tokens).toHaveLength(2);
  expectNoLeaks(transcript, [...Object.values(SECRETS), ...tokens, leaf.key, renewed.key, 'mangosteen']);
});
