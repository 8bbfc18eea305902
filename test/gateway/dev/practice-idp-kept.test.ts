import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  randomPKCECodeVerifier,
  refreshTokenGrant,
} from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPracticeIdp, type PracticeIdp } from '../../../src/gateway/dev/practice-idp.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { signInWithoutBrowser } from '../../support/oidc-provider.ts';

const SECRET = 'a practice secret of the tests, long enough';
const verifier = randomPKCECodeVerifier();

const clock = createManualClock(Date.now());

let server: Server;
let origin: string;
let folder: string;
let file: string;
let idp: PracticeIdp;
let config: Configuration;
let token: string;

/** The provider of a process that has just begun. */
const startAgain = () => {
  idp = createPracticeIdp({
    origin,
    mountPath: '/idp',
    clientId: 'sallyport',
    clientSecret: SECRET,
    redirectUri: `${origin}/back`,
    keptIn: file,
    clock,
  });
};

const renew = async (shown: string) => (await refreshTokenGrant(config, shown)).refresh_token ?? '';

async function signIn(): Promise<string> {
  const url = buildAuthorizationUrl(config, {
    redirect_uri: `${origin}/back`,
    scope: 'openid offline_access',
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const { url: back } = await signInWithoutBrowser(url.href, { stopAt: `${origin}/back` });
  const tokens = await authorizationCodeGrant(config, new URL(back), { pkceCodeVerifier: verifier });
  return tokens.refresh_token ?? '';
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-practice-'));
  file = join(folder, 'kept.json');
  server = createServer((message, response) => void idp.handle(message, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  startAgain();
  config = await discovery(new URL(idp.issuer), 'sallyport', SECRET, undefined, {
    execute: [allowInsecureRequests],
  });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  token = await signIn();
});

it('a refresh token outlives the session of the browser that it came from', async () => {
  clock.advance(11 * 60_000);
  expect(await renew(token)).not.toBe('');
});

describe('a practice identity provider that keeps its refresh tokens', () => {
  it('renews them after a restart, again and again', async () => {
    for (let restarts = 0; restarts < 3; restarts += 1) {
      startAgain();
      token = await renew(token);
    }
    expect(token).not.toBe('');
  });

  it('ends them all after a restart too when an old one is used', async () => {
    const second = await renew(token);
    startAgain();
    await expect(renew(token)).rejects.toMatchObject({ error: 'invalid_grant' });
    startAgain();
    await expect(renew(second)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('writes none of them into its file, which nobody else may read', async () => {
    const second = await renew(token);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('practice-ada');
    for (const secret of [token, second]) expect(text).not.toContain(secret);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each(['', '{"v":1,"rows":[', '{"v":2}', '[]'])(
    'starts afresh from a file that holds %j',
    async (text) => {
      writeFileSync(file, text);
      startAgain();
      await expect(renew(token)).rejects.toMatchObject({ error: 'invalid_grant' });
      expect(await renew(await signIn())).not.toBe('');
    },
  );
});
