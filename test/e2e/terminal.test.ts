import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { type GatewayProcess, sallyport, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { signInWithoutBrowser } from '../support/oidc-provider.ts';
import { CTRL_C, ENTER, hasTerminal, startInTerminal, type Terminal } from '../support/terminal.ts';
import { createAuthority, type Leaf } from '../support/tls.ts';

describe.skipIf(!hasTerminal)('a person in a terminal', () => {
  let folder: string;
  let store: string;
  let deployment: Deployment;
  let gateway: GatewayProcess;
  let leaf: Leaf;
  let renewed: Leaf;
  let terminal: Terminal | undefined;
  let env: Record<string, string>;

  const at = (name: string): string => join(folder, name);
  const short = ({ fingerprint }: Leaf): string => fingerprint.slice(0, 16);

  function install({ cert, key }: Leaf): void {
    writeFileSync(at('cert.pem'), cert);
    writeFileSync(at('key.pem'), key);
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-terminal-'));
    store = await newEmbeddedFolder();
    const authority = createAuthority('Example Corp Authority');
    [leaf, renewed] = [authority.issue(['IP:127.0.0.1']), authority.issue(['IP:127.0.0.1'])];
    writeFileSync(at('authority.pem'), authority.certificate);
    env = { SALLYPORT_CONFIG_DIR: at('developer'), NODE_EXTRA_CA_CERTS: at('authority.pem') };
    setDefaultCACertificates([...getCACertificates('default'), authority.certificate]);
    install(leaf);
    deployment = await startDeployment({
      store: { embedded: store },
      tls: { cert: at('cert.pem'), key: at('key.pem') },
    });
    [gateway] = deployment.gateways;
  });

  afterEach(() => terminal?.close());

  afterAll(async () => {
    await gateway?.stop();
    await deployment?.close();
    for (const path of [folder, store]) rmSync(path, { recursive: true, force: true });
  });

  function login(): Terminal {
    terminal = startInTerminal(['login', '--gateway-url', gateway.url, '--no-browser'], env);
    return terminal;
  }

  async function approve(shown: Terminal): Promise<void> {
    const [, link = ''] = await shown.shows(/Link +(https\S+)\n/);
    await shown.shows(/Waiting for the sign-in in your browser, \d:\d\d left/);
    await signInWithoutBrowser(link, { person: 'practice-ada' });
  }

  it('sees what to compare before anything is sent, and the answer is no unless it is yes', async () => {
    const shown = login();
    await shown.shows(/\? Trust this gateway\? \(y\/N\)/);
    for (const line of [
      /^Gateway +127\.0\.0\.1$/m,
      /^Address +127\.0\.0\.1$/m,
      /^Issuer +CN=Example Corp Authority$/m,
      /^Valid +.* to .*$/m,
      new RegExp(`^Fingerprint +${short(leaf)}$`, 'm'),
      /^Compare the fingerprint with the one that your gateway's operator publishes\.$/m,
    ])
      expect(shown.text()).toMatch(line);
    shown.type(ENTER);
    expect(await shown.ended).toBe(4);
    expect(shown.text()).toContain('The certificate of 127.0.0.1 was not trusted; nothing was sent to it');
  });

  it('says whose account it is, and a session that is not kept is ended', async () => {
    const shown = login();
    await shown.shows(/\? Trust this gateway\?/);
    shown.type(`y${ENTER}`);
    await approve(shown);
    await shown.shows(/\? Signed in as ada@example\.test\. Keep this session\? \(Y\/n\)/);
    shown.type(`n${ENTER}`);
    expect(await shown.ended).toBe(3);
    expect(shown.text()).toContain('The session of ada@example.test was ended and not kept');
    await gateway.event('session.revoke');
    expect((await sallyport(['token'], { env })).code).toBe(3);
  });

  it('leaves with Ctrl-C while waiting for the browser', async () => {
    const shown = login();
    await shown.shows(/Waiting for the sign-in in your browser/);
    shown.type(CTRL_C);
    expect(await shown.ended).toBe(130);
    expect(shown.text()).toMatch(/Error: Interrupted\n$/);
  });

  it('is not asked about a certificate again, and signs in', async () => {
    const shown = login();
    await approve(shown);
    await shown.shows(/Keep this session\?/);
    shown.type(ENTER);
    expect(await shown.ended).toBe(0);
    expect(shown.text()).toContain(`Signed in to ${gateway.url} as ada@example.test`);
    expect(shown.text()).not.toContain('Trust this gateway?');
    expect((await sallyport(['models'], { env })).code).toBe(0);
  });

  it('sees the old and the new fingerprint of a certificate that has changed, and may leave with Ctrl-C', async () => {
    install(renewed);
    await gateway.stop();
    gateway = await deployment.start(deployment.configs[0] ?? {});
    const shown = login();
    await shown.shows(/\? Trust the new certificate\? \(y\/N\)/);
    expect(shown.text()).toMatch(
      new RegExp(
        `not the certificate you trusted before\\.\n +old ${short(leaf)}\n +new ${short(renewed)}\n`,
      ),
    );
    shown.type(CTRL_C);
    expect(await shown.ended).toBe(130);
    expect((await sallyport(['models'], { env })).code).toBe(4);
  }, 60_000);

  it('nothing secret was printed', () => {
    expectNoLeaks(transcript, [...Object.values(SECRETS), leaf.key, renewed.key]);
  });
});
