import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenResponse } from '../../src/kernel/protocol.ts';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { type Answer, ask, createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';
import { describeWithPostgres, startPrivatePostgres } from '../support/postgres.ts';
import type { Cluster } from '../support/postgres-cluster.ts';

const prompt = {
  model: 'claude-sonnet-4-5',
  max_tokens: 10,
  messages: [{ role: 'user', content: 'a persimmon' }],
};

function infer(url: string, bearer: string): Promise<Answer> {
  return ask(`${url}/v1/messages`, {
    bearer,
    body: JSON.stringify(prompt),
    headers: { 'content-type': 'application/json' },
  });
}

interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** The tokens of a sign-in or of a refresh that went well. */
function tokensOf(body: Answer['json'] | Required<TokenResponse>): Tokens {
  expect(body).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });
  return { access: String(body['access_token']), refresh: String(body['refresh_token']) };
}

describe('while the identity provider is in trouble', () => {
  let folder: string;
  let deployment: Deployment;
  let url: string;
  let flow: ReturnType<typeof createDeviceFlow>;
  let tokens: Tokens;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-outage-'));
    deployment = await startDeployment({
      store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    });
    [{ url }] = deployment.gateways;
    flow = createDeviceFlow({ url });
    tokens = tokensOf(await flow.signIn('practice-ada'));
  });

  afterAll(async () => {
    await deployment.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('a wrong client secret stops refreshes with 503, signs nobody out, and the log says what to fix', async () => {
    const { provider } = deployment;
    provider.practice.setClientSecret('a secret that was changed over there');
    const refused = await flow.refresh(tokens.refresh);
    expect(refused.status).toBe(503);
    expect(refused.json['error']).toBe('temporarily_unavailable');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask(`${url}/v1/models`, { bearer: tokens.access })).status).toBe(200);
    expect(await deployment.gateways[0].line(/ error .*client_secret/)).toContain('oidc.client_secret');

    provider.practice.setClientSecret(SECRETS.client);
    const renewed = await flow.refresh(tokens.refresh);
    tokens = tokensOf(renewed.json);
  });

  it('an unreachable provider stops sign-ins with a page that says so, and refreshes with 503', async () => {
    const { provider } = deployment;
    provider.intercept('/token', () => ({ status: 500, body: {} }));
    expect((await flow.refresh(tokens.refresh)).status).toBe(503);
    expect((await infer(url, tokens.access)).status).toBe(200);
    provider.intercept('/token', undefined);
    tokens = tokensOf((await flow.refresh(tokens.refresh)).json);
  });

  it('a developer who was disabled there is told to sign in again, and another one is not', async () => {
    const other = tokensOf(await flow.signIn('practice-pat'));
    deployment.provider.practice.setDisabled('practice-ada', true);
    const refused = await flow.refresh(tokens.refresh);
    expect(refused.status).toBe(401);
    expect(refused.json['error']).toBe('invalid_grant');
    expect((await flow.refresh(other.refresh)).status).toBe(200);
  });

  it('nothing secret was printed', () => {
    expectNoLeaks(transcript, [...Object.values(SECRETS), tokens.access, tokens.refresh, 'persimmon']);
  });
});

describeWithPostgres('while PostgreSQL is down', () => {
  let cluster: Cluster;
  let deployment: Deployment;
  let url: string;
  let flow: ReturnType<typeof createDeviceFlow>;
  let tokens: Tokens;

  beforeAll(async () => {
    cluster = await startPrivatePostgres();
    deployment = await startDeployment({ store: { postgres_url: cluster.url() } });
    [{ url }] = deployment.gateways;
    flow = createDeviceFlow({ url });
    tokens = tokensOf(await flow.signIn());
  });

  afterAll(async () => {
    await deployment.close();
    await cluster.remove();
  });

  it('developers who are signed in go on: inference, models and refresh', async () => {
    await cluster.stop();
    expect((await infer(url, tokens.access)).status).toBe(200);
    expect((await ask(`${url}/v1/models`, { bearer: tokens.access })).status).toBe(200);
    tokens = tokensOf((await flow.refresh(tokens.refresh)).json);
    expect((await infer(url, tokens.access)).status).toBe(200);
  });

  it('a sign-in is answered with 503 and a sentence', async () => {
    const response = await fetch(`${url}/oauth/device_authorization`, { method: 'POST' });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toMatchObject({
      error: 'temporarily_unavailable',
      error_description: expect.stringMatching(/store/),
    });
  });

  it('/readyz says why, and /healthz says that the process lives', async () => {
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toMatch(/store/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('the discovery document is served all the same', async () => {
    expect((await fetch(`${url}/.well-known/oauth-authorization-server`)).status).toBe(200);
  });

  it('it recovers by itself', async () => {
    await cluster.start();
    await expect
      .poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 15_000, interval: 100 })
      .toBe(200);
    expect(await flow.start()).toHaveProperty('user_code');
    expect((await infer(url, tokensOf(await flow.signIn()).access)).status).toBe(200);
  });

  it('the log says once that it went and once that it is back', () => {
    const lines = deployment.gateways[0].lines.filter(
      (line) => /\bstore\b/.test(line) && / (warn|error|info) /.test(line),
    );
    expect(lines.filter((line) => / (warn|error) /.test(line))).toHaveLength(1);
    expect(lines.filter((line) => / info /.test(line) && /again|back/.test(line))).toHaveLength(1);
  });
});
