import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createOutbound } from '../../../../../src/gateway/outbound/outbound.ts';
import { loadDefaultChain } from '../../../../../src/gateway/upstream/providers/aws/default-chain.ts';
import { systemClock } from '../../../../../src/kernel/clock.ts';
import { stubAwsEnvironment } from '../../../../support/aws-environment.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryLog } from '../../../../support/memory-log.ts';
import { createAwsAccount } from '../../../../support/stand-ins/aws-account.ts';
import { ROLE_ARN, startSts } from '../../../../support/stand-ins/aws-sts.ts';

const REGION = 'eu-central-1';
const HOUR_MS = 3_600_000;
const parts = { fetch, clock: systemClock };

const load = () => loadDefaultChain(REGION, parts);
const failure = () => load().then(String, (error: Error) => error.message);

function profile(id: string): string {
  return `[default]\naws_access_key_id = ${id}\naws_secret_access_key = secret-of-${id}\n`;
}

async function standUpSts() {
  const sts = await startSts({
    account: createAwsAccount(),
    identityToken: 'token-of-the-pod',
    now: Date.now,
    lifetimeMs: HOUR_MS,
  });
  onTestFinished(sts.close);
  const environment = stubAwsEnvironment({ AWS_ROLE_ARN: ROLE_ARN, AWS_ENDPOINT_URL_STS: sts.url });
  vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', environment.file('token', 'token-of-the-pod'));
  return { sts, environment };
}

describe('the default chain', () => {
  it('takes keys from the environment, whatever the profile', async () => {
    const keys = {
      AWS_ACCESS_KEY_ID: 'AKIAENV',
      AWS_SECRET_ACCESS_KEY: 'secret-of-env',
      AWS_SESSION_TOKEN: 'token-of-env',
      AWS_PROFILE: 'default',
    };
    stubAwsEnvironment(keys).file('credentials', profile('AKIAFILE'));
    expect(await load()).toEqual({
      value: { accessKeyId: 'AKIAENV', secretAccessKey: 'secret-of-env', sessionToken: 'token-of-env' },
      expiresAtMs: undefined,
    });
  });

  it('reads shared files anew each time', async () => {
    const { file } = stubAwsEnvironment();
    file('credentials', profile('AKIAOLD'));
    expect((await load()).value.accessKeyId).toBe('AKIAOLD');
    file('credentials', profile('AKIANEW'));
    expect((await load()).value.accessKeyId).toBe('AKIANEW');
  });

  it('runs the credential_process of a profile', async () => {
    const { file } = stubAwsEnvironment();
    const end = new Date(Date.now() + HOUR_MS).toISOString();
    const said = { Version: 1, AccessKeyId: 'AKIAPROC', SecretAccessKey: 'secret', Expiration: end };
    const answer = file('answer.json', JSON.stringify(said));
    file('config', `[default]\ncredential_process = cat ${answer}\n`);
    const lease = await load();
    expect([lease.value.accessKeyId, lease.expiresAtMs]).toEqual(['AKIAPROC', Date.parse(end)]);
  });

  it('exchanges a web identity at STS, and knows when the keys end', async () => {
    const { sts } = await standUpSts();
    const { value, expiresAtMs } = await load();
    expect(value).toEqual(sts.issued[0]);
    expect(expiresAtMs).toBeGreaterThan(Date.now() + HOUR_MS - 60_000);
  });

  it('asks STS through the outbound guard, which refuses addresses as everywhere', async () => {
    const { sts } = await standUpSts();
    const proxies = { httpProxy: undefined, httpsProxy: undefined, noProxy: undefined };
    const strict = { allowLoopback: false, allowedOrigins: [], proxyIsEgressBoundary: false, proxies };
    const outbound = createOutbound(strict, { log: createMemoryLog() });
    onTestFinished(outbound.close);
    const guarded = { fetch: outbound.fetch({ useProxy: true }), clock: systemClock };
    await expect(loadDefaultChain(REGION, guarded)).rejects.toThrow(/^ECONNREFUSED_SSRF: 127\.0\.0\.1/);
    expect(sts.calls).toBe(0);
  });

  it("tells STS's own reason", async () => {
    const { environment } = await standUpSts();
    environment.file('token', 'token-of-somebody-else');
    const text = await failure();
    expect(text).toContain('InvalidIdentityToken');
    expect(text).not.toContain('token-of-somebody-else');
  });

  it('says where it looked when there is nothing', async () => {
    stubAwsEnvironment();
    expect(await failure()).toMatch(/^Could not load credentials from any providers \(.+\)$/);
    expect(await failure()).toContain('EC2 Instance Metadata Service access disabled');
  });

  it.each([
    ['a command that fails', 'sh -c "echo key-of-somebody >&2; exit 3"'],
    ['a command that says no JSON', 'echo key-of-somebody'],
  ])('repeats nothing of %s', async (_what, command) => {
    stubAwsEnvironment().file('config', `[default]\ncredential_process = ${command}\n`);
    const text = await failure();
    expect(text).toMatch(/credential_process failed|not JSON/);
    expect(text).not.toContain('key-of-somebody');
  });

  it('gives up on a source that never answers', async () => {
    const { file } = stubAwsEnvironment();
    file('config', '[default]\ncredential_process = sleep 1\n');
    const clock = createManualClock();
    const loaded = loadDefaultChain(REGION, { fetch, clock });
    await clock.sleeper();
    clock.advance(30_000);
    await expect(loaded).rejects.toThrow('the AWS credential chain gave nothing within 30000 ms');
  });
});
