// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SECRETS } from '../support/deployment.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { freePort } from '../support/free-port.ts';
import {
  type GatewayProcess,
  sallyport,
  startGatewayProcess,
  transcript,
} from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { startOidcProvider, type TestProvider } from '../support/oidc-provider.ts';
import { createAuthority } from '../support/tls.ts';

type Config = Readonly<Record<string, unknown>>;

const env = { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' };
const STORE_PASSWORD = 'the-password-of-the-store';

let folder: string;
let stores: readonly string[];
let provider: TestProvider;
/** Runs all the while, on a port and a store of its own. */
let holder: GatewayProcess;

const at = (name: string): string => join(folder, name);
const portOf = (gateway: GatewayProcess): number => Number(new URL(gateway.url).port);
const listenOn = (port: number, more: Config = {}) => ({
  host: '127.0.0.1',
  port,
  public_url: `http://127.0.0.1:${port}`,
  ...more,
});
const oidc = (changes: Config = {}) => ({
  issuer: provider.issuer,
  client_id: provider.clientId,
  client_secret: SECRETS.client,
  ...changes,
});
const upstream = (changes: Config = {}) => ({
  provider: 'anthropic',
  base_url: 'http://127.0.0.1:1',
  auth: { api_key: SECRETS.upstreamKey },
  ...changes,
});

/** A configuration with nothing wrong in it but what the changes bring. */
function configWith(changes: Config = {}): string {
  const config = {
    listen: listenOn(1),
    oidc: oidc(),
    session: { jwt_secret: SECRETS.jwt },
    store: { embedded: stores[1] },
    upstreams: [upstream()],
    access_control: { allow_cidrs: ['127.0.0.0/8'] },
    ...changes,
  };
  return JSON.stringify(config, null, 2);
}

interface Ended {
  readonly code: number | null;
  /** Of stderr. */
  readonly lines: readonly string[];
  readonly last: string;
}

async function run(...args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await sallyport(['gateway', ...args], { env, cwd: folder });
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  return { code, lines, last: lines.at(-1) ?? '' };
}

function boot(config: string, ...args: readonly string[]): Promise<Ended> {
  writeFileSync(at('gateway.yaml'), config);
  return run('--config', 'gateway.yaml', ...args);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-boot-'));
  stores = [await newEmbeddedFolder(), await newEmbeddedFolder()];
  provider = await startOidcProvider({ clientSecret: SECRETS.client });
  const authority = createAuthority();
  const leaf = authority.issue(['IP:127.0.0.1']);
  writeFileSync(at('cert.pem'), leaf.cert);
  writeFileSync(at('other-key.pem'), authority.issue(['IP:127.0.0.1']).key);
  const config = configWith({ listen: listenOn(await freePort()), store: { embedded: stores[0] } });
  holder = await startGatewayProcess({ config, env });
});

afterAll(async () => {
  await holder?.stop();
  await provider?.close();
  for (const path of [folder, ...stores]) rmSync(path, { recursive: true, force: true });
});

describe('a boot that fails names problem and fix in its last line', () => {
  const tls = (cert: string, key: string) =>
    configWith({ listen: listenOn(1, { public_url: 'https://127.0.0.1:1', tls: { cert, key } }) });

  it.each<[string, number, () => Promise<Ended>, RegExp]>([
    [
      'a field of the configuration',
      2,
      () => boot(configWith({ session: { jwt_secret: SECRETS.jwt, ttl_hours: 'soon' } })),
      /gateway\.yaml:\d+:\d+: session\.ttl_hours must be a number .*found "soon"$/,
    ],
    [
      'a variable that is not set',
      2,
      () => boot(configWith({ session: { jwt_secret: '${NO_SUCH_VARIABLE}' } })),
      /session\.jwt_secret names the variable NO_SUCH_VARIABLE, which is not set; set NO_SUCH_VARIABLE/,
    ],
    [
      'an upstream without a credential',
      2,
      () => boot(configWith({ upstreams: [upstream({ auth: {} })] })),
      /upstreams\[0\]\.auth needs api_key or oauth_token, or federation_rule_id with what belongs to it; add api_key: \$\{ANTHROPIC_API_KEY\}$/,
    ],
    [
      'a configuration that is not there',
      2,
      () => run('--config', 'missing.yaml'),
      /^Error: \/.*missing\.yaml cannot be read: there is no such file/,
    ],
    [
      'a store that does not answer',
      1,
      () => boot(configWith({ store: { postgres_url: `postgres://u:${STORE_PASSWORD}@127.0.0.1:1/db` } })),
      /^Error: store\.postgres_url: could not connect to Postgres at 127\.0\.0\.1:1 \(ECONNREFUSED\); check that it runs/,
    ],
    [
      'a store that another process holds',
      1,
      () => boot(configWith({ store: { embedded: stores[0] } })),
      /^Error: store\.embedded: .* is in use by process \d+; .* Stop it, choose another folder, or use store\.postgres_url/,
    ],
    [
      'a store where no folder can be',
      1,
      () => boot(configWith({ store: { embedded: at('cert.pem/store') } })),
      /^Error: store\.embedded: cannot make the folder .*cert\.pem\/store \(ENOTDIR\); name one/,
    ],
    [
      'a store where the kernel lets nobody make a folder',
      1,
      () => boot(configWith({ store: { embedded: '/proc/sallyport/store' } }), '--check'),
      /^Error: store\.embedded: cannot make the folder \/proc\/sallyport\/store \(\w+\); name one/,
    ],
    [
      'an audit file that cannot be written',
      2,
      () => boot(configWith({ log: { audit: `file:${at('no-such-folder/audit.log')}` } })),
      /^Error: log\.audit: .*audit\.log cannot be written \(ENOENT\); name a file/,
    ],
    [
      'an identity provider that does not answer',
      1,
      async () => boot(configWith({ oidc: oidc({ issuer: `http://127.0.0.1:${await freePort()}` }) })),
      /^Error: oidc\.issuer http:\S+\/\.well-known\/openid-configuration cannot be reached: ECONNREFUSED .*; .*check the address/,
    ],
    [
      'an address that is no identity provider',
      2,
      () => boot(configWith({ oidc: oidc({ issuer: `${provider.origin}/elsewhere` }) })),
      /^Error: oidc\.issuer: no discovery document: HTTP 404 .*; check oidc\.issuer, and name the document in oidc\.discovery_url/,
    ],
    [
      'another issuer than the configured one',
      2,
      () => {
        const discovery = `${provider.issuer}/.well-known/openid-configuration`;
        return boot(configWith({ oidc: oidc({ issuer: provider.origin, discovery_url: discovery }) }));
      },
      /^Error: oidc\.discovery_url: issuer mismatch: the discovery document says http\S+, oidc\.issuer http\S+; they must be the same/,
    ],
    [
      'a certificate that cannot be read',
      2,
      () => boot(tls(at('missing.pem'), at('other-key.pem'))),
      /^Error: listen\.tls\.cert: .*missing\.pem cannot be read \(ENOENT\); check the path/,
    ],
    [
      'a certificate that is none',
      2,
      () => boot(tls(at('other-key.pem'), at('other-key.pem'))),
      /^Error: listen\.tls\.cert: .* does not hold a PEM certificate; name a file/,
    ],
    [
      'a key of another certificate',
      2,
      () => boot(tls(at('cert.pem'), at('other-key.pem'))),
      /^Error: listen\.tls\.key: .*other-key\.pem does not belong to the first certificate in .*cert\.pem; name the key/,
    ],
    [
      'a port in use',
      1,
      () => boot(configWith({ listen: listenOn(portOf(holder)) })),
      /^Error: listen\.port: 127\.0\.0\.1:\d+ is in use by another process; choose another port or stop it$/,
    ],
    ['no configuration at all', 2, () => run(), /^Error: .*--config gateway\.yaml, or --dev/],
    [
      '--data without --dev',
      2,
      () => boot(configWith(), '--data', 'somewhere'),
      /^Error: --data goes with --dev; name store\.embedded in the file/,
    ],
    [
      'a flag that is none',
      2,
      () => run('--chek'),
      /^Error: sallyport gateway has no option --chek \(did you mean --check\?\)$/,
    ],
  ])('%s: exit code %i', async (_what, code, act, words) => {
    const ended = await act();
    expect(ended.last).toMatch(words);
    expect(ended.code).toBe(code);
    expect(ended.lines.join('\n')).not.toMatch(/listening on|something unexpected| {4}at /i);
  });
});

describe('a boot that goes well', () => {
  /** Where each of these stands among the lines; -1 where there is none. */
  const places = (lines: readonly string[], ...patterns: readonly RegExp[]) =>
    patterns.map((pattern) => lines.findIndex((line) => pattern.test(line)));

  const inOrder = (positions: readonly number[]) => {
    expect(positions).not.toContain(-1);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  };

  it('prints first what it has loaded, then the warning, where it listens, and what is checked first', async () => {
    await holder.line(/caps: /);
    expect(holder.lines[0]).toMatch(/"evt":"config\.load".*"sha256":"[0-9a-f]{64}"/);
    inOrder(
      places(
        holder.lines,
        /"evt":"config\.load"/,
        /warn \S+\/gateway\.yaml:\d+:\d+: oidc\.issuer is plain http/,
        /warn A gateway that developers trust can push settings that run commands/,
        /warn Keep it on a private network/,
        /info sallyport gateway listening on http:\/\/127\.0\.0\.1:\d+$/,
        /info public url: http:\/\/127\.0\.0\.1:\d+$/,
        /info client addresses: the TCP peer/,
        /info allowed clients: 127\.0\.0\.0\/8$/,
        /info issuer: http:/,
        /info email domains: any$/,
        /info groups: any/,
        /info upstreams: anthropic \(anthropic\)$/,
        /info telemetry: /,
        /info policies: /,
        /info caps: /,
      ),
    );
  });

  it('warns of each thing once', () => {
    const warnings = holder.lines.filter((line) => / warn /.test(line));
    expect(warnings.filter((line) => /plain http/.test(line))).toHaveLength(1);
  });

  it('--check does everything but listen: it passes while the port is in use, and says so', async () => {
    const checked = await boot(configWith({ listen: listenOn(portOf(holder)) }), '--check');
    expect(checked.code).toBe(0);
    expect(checked.lines.filter((line) => / info /.test(line))).toEqual([
      expect.stringMatching(
        /check passed: configuration, store, migrations, identity provider and upstream clients are ready$/,
      ),
    ]);
    expect(checked.lines.at(-1)).toContain('"evt":"gateway.stop"');
    expect((await fetch(`${holder.url}/healthz`)).status).toBe(200);
  });
});

it('has printed no secret', () => {
  expectNoLeaks(transcript, [...Object.values(SECRETS), STORE_PASSWORD]);
});
