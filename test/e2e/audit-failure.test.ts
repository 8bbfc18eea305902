import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, SECRETS, startDeployment } from '../support/deployment.ts';
import { type Answer, ask, createDeviceFlow } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import { type GatewayProcess, transcript } from '../support/gateway-process.ts';
import { expectNoLeaks } from '../support/leaks.ts';

/** Every write to it fails as on a full disk. */
const FULL_DISK = '/dev/full';

let folder: string;
let deployment: Deployment;
let gateway: GatewayProcess;
let bearer: string;

const at = (name: string) => join(folder, name);
const events = (name: string): Record<string, unknown>[] =>
  readFileSync(at(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** A gateway whose audit log is the symbolic link `audit.jsonl`, with a developer who is signed in. */
async function open(target: string, onFailure: 'continue' | 'refuse'): Promise<void> {
  symlinkSync(target, at('audit.jsonl'));
  deployment = await startDeployment({
    store: { embedded: await newEmbeddedFolder(at('store')) },
    config: { log: { audit: `file:${at('audit.jsonl')}`, on_audit_failure: onFailure } },
  });
  [gateway] = deployment.gateways;
  bearer = (await createDeviceFlow(gateway).signIn()).access_token;
}

function infer(): Promise<Answer> {
  const prompt = {
    model: 'claude-sonnet-4-5',
    max_tokens: 10,
    messages: [{ role: 'user', content: 'a quince' }],
  };
  return ask(`${gateway.url}/v1/messages`, {
    bearer,
    body: JSON.stringify(prompt),
    headers: { 'content-type': 'application/json' },
  });
}

/** Changes where the link leads, in one step. */
function leadTo(target: string): void {
  symlinkSync(target, at('audit.new'));
  renameSync(at('audit.new'), at('audit.jsonl'));
}

const statusOf = async () => (await infer()).status;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
});

afterEach(async () => {
  await deployment.close();
  rmSync(folder, { recursive: true, force: true });
});

afterAll(() => expectNoLeaks(transcript, [...Object.values(SECRETS), 'quince']));

describe('with log.on_audit_failure: refuse', () => {
  it('a full disk stops inference before an upstream is asked, and room on it lets it go on', async () => {
    await open(FULL_DISK, 'refuse');
    const refused = await infer();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.json).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: expect.stringMatching(/cannot record requests/) },
      request_id: refused.headers.get('request-id'),
    });
    expect(deployment.upstream.requests).toHaveLength(0);
    await gateway.line(/ error audit lines cannot be written \(ENOSPC.*log\.on_audit_failure: refuse/);
    expect((await ask(`${gateway.url}/v1/models`, { bearer })).status).toBe(200);

    leadTo(at('disk.jsonl'));
    await expect.poll(statusOf).toBe(200);
    await gateway.line(/ warn audit lines are written again after \d+ s; lost so far: [1-9]/);
    const [first, ...later] = events('disk.jsonl');
    expect(first).toMatchObject({ evt: 'inference', status: 503, outcome: 'refused' });
    expect(first?.['lost']).toBe(Number(first?.['seq']) - 1);
    await expect
      .poll(() => events('disk.jsonl').at(-1))
      .toMatchObject({ status: 200, upstream: 'anthropic' });
    expect(later.every((event) => !('lost' in event))).toBe(true);
  });

  it('a disk that fills up, a rotation and a folder that is gone are each survived', async () => {
    await open(at('one.jsonl'), 'refuse');
    expect(await statusOf()).toBe(200);

    renameSync(at('one.jsonl'), at('one.jsonl.1'));
    gateway.child.kill('SIGHUP');
    await gateway.line(/ info SIGHUP: log files were opened anew/);
    expect(await statusOf()).toBe(200);
    const requests = () => events('one.jsonl').filter(({ evt }) => evt === 'inference');
    await expect.poll(requests).toMatchObject([{ status: 200 }]);

    leadTo(at('missing/two.jsonl'));
    gateway.child.kill('SIGHUP');
    await expect.poll(statusOf).toBe(503);
    leadTo(FULL_DISK);
    expect(await statusOf()).toBe(503);
    leadTo(at('three.jsonl'));
    await expect.poll(statusOf).toBe(200);
    await gateway.stop();
    expect(events('three.jsonl').at(-1)).toMatchObject({ evt: 'gateway.stop', lost: expect.any(Number) });
  });
});

it('with log.on_audit_failure: continue a full disk stops nobody, and is said once', async () => {
  await open(FULL_DISK, 'continue');
  expect(await statusOf()).toBe(200);
  expect(await statusOf()).toBe(200);
  const said = gateway.lines.filter((line) => /audit lines cannot be written/.test(line));
  expect(said).toEqual([expect.stringMatching(/ error .*ENOSPC.*log\.on_audit_failure: continue/)]);
});
