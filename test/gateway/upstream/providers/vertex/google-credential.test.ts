import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadGoogleCredential } from '../../../../../src/gateway/upstream/providers/vertex/google-credential.ts';
import { systemClock } from '../../../../../src/kernel/clock.ts';
import { type GoogleIdentity, openGoogleIdentity } from '../../../../support/stand-ins/google-identity.ts';
import { listenOnLoopback } from '../../../../support/stand-ins/scripted-answers.ts';

const parts = { clock: systemClock, fetch };
const FIRST = ['authorization', 'Bearer ya29.stand-in-1'];

afterEach(() => vi.unstubAllEnvs());

interface World {
  readonly identity: GoogleIdentity;
  readonly host: string;
  readonly folder: string;
}

/** Nothing of the machine's own credentials can be found. */
async function standUp(): Promise<World> {
  const server = await listenOnLoopback(async (message, body, response) => {
    if (!(await identity.serve(message, body, response))) response.writeHead(404).end();
  });
  const identity = await openGoogleIdentity(() => server.origin);
  await identity.writeKey();
  const folder = mkdtempSync(join(tmpdir(), 'gcloud-'));
  onTestFinished(async () => {
    await server.close();
    await identity.close();
    rmSync(folder, { recursive: true });
  });
  vi.stubEnv('CLOUDSDK_CONFIG', folder);
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
  vi.stubEnv('GOOGLE_CLOUD_QUOTA_PROJECT', '');
  vi.stubEnv('GCE_METADATA_IP', '');
  vi.stubEnv('GCE_METADATA_HOST', new URL(server.origin).host);
  return { identity, host: new URL(server.origin).host, folder };
}

const load = (serviceAccountFile: string | undefined) =>
  loadGoogleCredential({ projectId: 'acme-ai', serviceAccountFile }, parts);
const failure = (file: string | undefined) => load(file).then(String, (error: Error) => error.message);

describe("a service account's key", () => {
  it('is exchanged where it says, by an assertion that it signs', async () => {
    const { identity } = await standUp();
    const lease = await load(identity.keyFile);
    expect(lease.value).toEqual(FIRST);
    expect(lease.expiresAtMs).toBeGreaterThan(Date.now() + 3_000_000);
    expect(identity.exchanges).toHaveLength(1);
    expect(identity.metadataCalls()).toBe(0);
  });

  it('is read and exchanged anew each time', async () => {
    const { identity } = await standUp();
    await load(identity.keyFile);
    const other = await openGoogleIdentity(() => 'http://127.0.0.1:9');
    onTestFinished(other.close);
    await other.writeKey({ token_uri: identity.exchanges.length });
    expect(await failure(other.keyFile)).toContain('token_uri cannot be used');
    await identity.writeKey({ quota_project_id: 'acme-billing' });
    expect((await load(identity.keyFile)).value).toEqual([
      'authorization',
      'Bearer ya29.stand-in-2',
      'x-goog-user-project',
      'acme-billing',
    ]);
  });

  it('of somebody else is refused, in words that quote nothing of it', async () => {
    const { identity, host } = await standUp();
    const other = await openGoogleIdentity(() => `http://${host}`);
    onTestFinished(other.close);
    await other.writeKey();
    expect(await failure(other.keyFile)).toBe('invalid_grant: Invalid JWT Signature.');
    identity.instead = {
      status: 400,
      body: JSON.stringify({ error: 'invalid_grant', error_description: 'eyJhbGciOi.x.y is over' }),
    };
    expect(await failure(identity.keyFile)).toBe('refused');
  });

  it.each([
    ['no token', '{}'],
    ['an empty token', '{"access_token":"","expires_in":60}'],
    ['a token with a line break', '{"access_token":"ya29.a\\nb","expires_in":60}'],
  ])('is no credential when the endpoint answers with %s', async (_what, body) => {
    const { identity } = await standUp();
    identity.instead = { status: 200, body };
    const message = await failure(identity.keyFile);
    expect(message).toMatch(/^(?:the token endpoint answered without a token that can be used|refused)$/);
  });

  it('serves for as long as it does when the endpoint does not say how long', async () => {
    const { identity } = await standUp();
    identity.instead = { status: 200, body: '{"access_token":"ya29.x"}' };
    expect(await load(identity.keyFile)).toEqual({
      value: ['authorization', 'Bearer ya29.x'],
      expiresAtMs: undefined,
    });
  });

  it.each([
    ['that is not JSON', '-----BEGIN PRIVATE KEY-----', /key\.json is not JSON$/],
    [
      'for an application on another cloud',
      '{"type":"external_account","audience":"x"}',
      /is of type external_account and not service_account: name it in GOOGLE_APPLICATION_CREDENTIALS$/,
    ],
    [
      'without a key',
      '{"type":"service_account","client_email":"x"}',
      /is not the key of a service account: private_key cannot be used$/,
    ],
    ['without an end', ' '.repeat(70_000), /is larger than 65536 bytes$/],
  ])('in a file %s is told apart', async (_what, text, message) => {
    const { identity } = await standUp();
    await identity.writeKey(text);
    expect(await failure(identity.keyFile)).toMatch(message);
  });

  it('in a file that is not there is named', async () => {
    const { folder } = await standUp();
    expect(await failure(join(folder, 'none.json'))).toMatch(/ENOENT.*none\.json/);
  });

  it('that is damaged is not quoted', async () => {
    const { identity } = await standUp();
    await identity.writeKey({ private_key: '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END' });
    expect(await failure(identity.keyFile)).not.toMatch(/c2VjcmV0|BEGIN/);
    expect(identity.exchanges).toHaveLength(0);
  });
});

describe('application default credentials', () => {
  it('are the key file that the environment names, exchanged where it says', async () => {
    const { identity } = await standUp();
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', identity.keyFile);
    vi.stubEnv('GOOGLE_CLOUD_QUOTA_PROJECT', 'acme-quota');
    expect((await load(undefined)).value).toEqual([...FIRST, 'x-goog-user-project', 'acme-quota']);
    expect(identity.exchanges).toHaveLength(1);
  });

  it('quote nothing of a file that is not JSON', async () => {
    const { identity } = await standUp();
    await identity.writeKey('{"private_key": "c2VjcmV0');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', identity.keyFile);
    expect(await failure(undefined)).toBe('what it read is not JSON');
  });

  it("are those of the tools' own file next", async () => {
    const { identity, folder } = await standUp();
    const { default: key } = await import(identity.keyFile, { with: { type: 'json' } });
    writeFileSync(join(folder, 'application_default_credentials.json'), JSON.stringify(key));
    expect((await load(undefined)).value).toEqual(FIRST);
    expect(identity.exchanges).toHaveLength(1);
  });

  it("are the machine's at last, also when its metadata server came after the gateway", async () => {
    const { identity, host } = await standUp();
    vi.stubEnv('GCE_METADATA_HOST', '127.0.0.1:9');
    expect(await failure(undefined)).not.toContain('Bearer');
    vi.stubEnv('GCE_METADATA_HOST', host);
    expect((await load(undefined)).value).toEqual(FIRST);
    expect(identity.metadataCalls()).toBe(1);
    expect(identity.exchanges).toHaveLength(0);
  });

  it('say so when there are none', async () => {
    await standUp();
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    expect(await failure(undefined)).toContain('Could not load the default credentials');
  });
});
