import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paths } from '../../src/kernel/protocol.ts';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { followLines, sallyport, startSallyport } from '../support/gateway-process.ts';
import { signInWithoutBrowser } from '../support/oidc-provider.ts';
import { message, refusal, type StandInUpstream, startUpstream } from '../support/upstream.ts';

const BETA = 'token-efficient-tools-2025-02-19';
const POLICY = { availableModels: ['opus'], permissions: { deny: ['WebFetch', 'Read(./.env)'] } };

let deployment: Deployment;
let upstream: StandInUpstream;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-protocol-'));
  env = { SALLYPORT_CONFIG_DIR: join(folder, 'config') };
  upstream = await startUpstream((received, response) => {
    const isRefused = String(received.headers['anthropic-beta'] ?? '').includes(BETA);
    const text = `Unexpected value(s) \`${BETA}\` for the \`anthropic-beta\` header`;
    const answer = isRefused ? refusal(400, 'invalid_request_error', text) : message();
    return answer(received, response);
  });
  const auth = { api_key: SECRETS.upstreamKey };
  deployment = await startDeployment({
    store: { embedded: await newEmbeddedFolder(join(folder, 'store')) },
    config: {
      upstreams: [{ provider: 'anthropic', name: 'picky', base_url: upstream.url, auth, strip: 'auto' }],
      managed: { policies: [{ match: {}, cli: POLICY }] },
      limits: { max_url_length: 5_555 },
    },
  });
});

afterAll(async () => {
  await deployment?.close();
  await upstream?.close();
  rmSync(folder, { recursive: true, force: true });
});

const page = (headers: Record<string, string> = {}, method = 'GET') =>
  fetch(deployment.publicUrl + paths.protocol, { method, headers });

describe('anybody', () => {
  it('may read the contract of the running gateway', async () => {
    const answer = await page();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(answer.headers.get('request-id')).toMatch(/^req_/);
    const text = await answer.text();
    expect(text).toContain(`at \`${deployment.publicUrl}\``);
    expect(text).toContain('| 5555 characters |');
    expect(text).toContain('| managed settings | on |');
    expect(text).toContain('| telemetry forwarding | off |');
  });

  it('is told when it is still the same', async () => {
    const etag = (await page()).headers.get('etag') ?? '';
    const again = await page({ 'if-none-match': etag });
    expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: '' });
    const head = await page({}, 'HEAD');
    expect([head.status, head.headers.get('etag')]).toEqual([200, etag]);
  });
});

it('tells what has been learnt of an upstream', async () => {
  const before = (await page()).headers.get('etag') ?? '';
  const { access_token: token } = await createDeviceFlow({ url: deployment.publicUrl }).signIn();
  const asked = await fetch(deployment.publicUrl + paths.messages, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'anthropic-beta': BETA },
    body: JSON.stringify({ model: 'claude-opus-4-8', max_tokens: 9, messages: [] }),
  });
  expect(asked.status).toBe(200);
  const after = await page({ 'if-none-match': before });
  expect(after.status).toBe(200);
  expect(await after.text()).toContain(`| \`picky\` | \`claude-opus-4-8\` | \`${BETA}\` |`);
});

describe('a developer', () => {
  beforeAll(async () => {
    const login = startSallyport(['login', '--gateway-url', deployment.publicUrl, '--no-browser', '--yes'], {
      env,
    });
    const ended = new Promise((resolve) => login.once('close', resolve));
    const link = /(http\S+\/device\?\S+)/.exec(await followLines(login).line(/\/device\?/))?.[1] ?? '';
    await signInWithoutBrowser(link);
    expect(await ended).toBe(0);
  });

  it('sees the managed settings that the gateway has for them', async () => {
    const shown = await sallyport(['settings'], { env });
    expect(shown.code).toBe(0);
    const canonical = JSON.stringify(POLICY);
    const checksum = `sha256:${createHash('sha256').update(canonical).digest('hex')}`;
    expect(shown.stdout).toBe(
      [
        'availableModels   opus',
        'permissions.deny  WebFetch',
        '                  Read(./.env)',
        '',
        `Checksum  ${checksum}`,
        '',
      ].join('\n'),
    );
    const { stdout } = await sallyport(['settings', '--json'], { env });
    expect(JSON.parse(stdout)).toEqual({ uuid: expect.any(String), checksum, settings: POLICY });
  });
});
