import { describe, expect, it, onTestFinished } from 'vitest';
import { createAssumedRole } from '../../../../../src/gateway/upstream/providers/bedrock/assumed-role.ts';
import type { AssumeRoleOptions } from '../../../../../src/gateway/upstream/providers/bedrock/options.ts';
import { systemClock } from '../../../../../src/kernel/clock.ts';
import { secret } from '../../../../../src/kernel/secret.ts';
import { stubAwsEnvironment } from '../../../../support/aws-environment.ts';
import { outgoingRequest } from '../../../../support/outgoing-request.ts';
import type { IssuedKeys } from '../../../../support/stand-ins/aws-account.ts';
import { BEDROCK, keyOptions } from '../../../../support/stand-ins/bedrock.ts';
import { PRIVATE_WORD } from '../../../../support/stand-ins/stand-in.ts';
import { startUpstream } from '../../../../support/upstream.ts';
import { REQUEST, standUp, type WorldOptions } from './bedrock-world.ts';

const ROLE_ARN = 'arn:aws:iam::123456789012:role/claude';

function withRole(options: Partial<AssumeRoleOptions> = {}, more: WorldOptions = {}) {
  const assumeRole: AssumeRoleOptions = {
    roleArn: ROLE_ARN,
    externalId: undefined,
    sessionName: 'email',
    stsUrl: undefined,
    useFips: false,
    ...options,
  };
  return standUp({ ...more, bedrock: { ...more.bedrock, assumeRole } });
}

describe('a role for each developer', () => {
  it("signs a developer's requests, for an hour with what STS gave once", async () => {
    const world = await withRole({ externalId: secret('outside-1') });
    for (let i = 0; i < 3; i += 1) expect((await world.post()).status).toBe(200);
    expect(world.sts.calls).toEqual([
      {
        roleArn: ROLE_ARN,
        session: 'dev@example.test',
        externalId: 'outside-1',
        seconds: '3600',
        keys: expect.anything(),
      },
    ]);
    expect(world.upstream.requests.map(({ session }) => session)).toEqual(Array(3).fill('dev@example.test'));
  });

  it('is a session of its own for each, asked for once by however many requests at a time', async () => {
    const world = await withRole(
      { sessionName: 'sub' },
      { gateway: { callerOf: ({ headers }) => ({ sub: String(headers['x-test-developer']) }) } },
    );
    const who = ['ann|1', 'ben|2', 'ann|1', 'ben|2', 'ann|1'];
    const answers = await Promise.all(
      who.map((sub) => world.post(REQUEST, { headers: { 'x-test-developer': sub } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(world.sts.calls.map(({ session }) => session).sort()).toEqual(['ann=7C1', 'ben=7C2']);
    expect(world.upstream.requests.map(({ session }) => session).sort()).toEqual([
      'ann=7C1',
      'ann=7C1',
      'ann=7C1',
      'ben=7C2',
      'ben=7C2',
    ]);
  });

  it('is one session for all where the operator wants no names', async () => {
    const world = await withRole({ sessionName: undefined });
    expect((await world.post()).status).toBe(200);
    expect(world.upstream.requests[0]?.session).toBe('claude-apps-gateway');
    expect(world.sts.calls[0]?.externalId).toBeUndefined();
  });

  it('signs counts and streams too', async () => {
    const world = await withRole();
    expect((await world.count()).status).toBe(200);
    expect((await world.post({ ...REQUEST, stream: true })).isComplete).toBe(true);
    expect(world.upstream.requests.map(({ session }) => session)).toEqual(Array(2).fill('dev@example.test'));
  });
});

describe('the sessions that are kept', () => {
  it('are those of the developers who were here last', async () => {
    const world = await withRole();
    const role = { roleArn: ROLE_ARN, externalId: undefined, sessionName: 'sub', useFips: false } as const;
    const { authorise } = createAssumedRole(
      { ...role, stsUrl: world.sts.origin },
      keyOptions(world.keys),
      { service: 'bedrock', region: BEDROCK.region, host: '127.0.0.1' },
      { name: 'bedrock', clock: systemClock, log: world.log, fetch },
      2,
    );
    for (const sub of ['ann', 'ben', 'ann', 'cleo', 'ann', 'ben']) {
      const request = outgoingRequest({}, {}, { caller: { sub, email: undefined } });
      await authorise({ path: '/', headers: [], body: Buffer.alloc(0) }, request);
    }
    expect(world.sts.calls.map(({ session }) => session)).toEqual(['ann', 'ben', 'cleo', 'ben']);
  });
});

describe('without a session of the role', () => {
  it('another upstream serves, and Bedrock is never asked with the own keys', async () => {
    const other = await startUpstream();
    onTestFinished(other.close);
    const world = await withRole({}, { others: [{ name: 'other', url: other.url }] });
    world.sts.refuseWith('AccessDenied');
    expect((await world.post()).status).toBe(200);
    expect([world.upstream.requests.length, other.requests.length]).toEqual([0, 1]);
    const log = world.gateway.log.join('\n');
    expect(log).toMatch(
      /^error upstream bedrock failed: no credential for upstream bedrock: AssumeRole failed: AccessDenied: /m,
    );
    expect(log).toContain(PRIVATE_WORD);
  });

  it('a developer is told that the access of the gateway failed, and nothing of accounts', async () => {
    const world = await withRole();
    world.sts.refuseWith('AccessDenied');
    const answer = await world.post();
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).toContain("the gateway's own access to the model failed");
    expect(answer.body.toString()).not.toContain(PRIVATE_WORD);
    expect(world.upstream.requests).toHaveLength(0);
  });

  it('nobody is asked for a developer without the claim', async () => {
    const world = await withRole({}, { gateway: { caller: { email: undefined } } });
    expect((await world.post()).status).toBe(502);
    expect([world.sts.calls.length, world.upstream.requests.length]).toEqual([0, 0]);
    expect(world.gateway.log.join('\n')).toContain('the developer has no email for assume_role.session_name');
  });
});

describe('own keys that STS refuses as over', () => {
  async function fromFile() {
    const { file } = stubAwsEnvironment();
    const world = await withRole(
      { sessionName: 'sub' },
      {
        bedrock: { credential: { kind: 'default_chain' } },
        gateway: { callerOf: ({ headers }) => ({ sub: String(headers['x-test-developer']) }) },
      },
    );
    const write = ({ accessKeyId, secretAccessKey, sessionToken }: IssuedKeys) =>
      file(
        'credentials',
        `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\naws_session_token = ${sessionToken}\n`,
      );
    write(world.keys);
    const statusFor = async (developer: string) =>
      (await world.post(REQUEST, { headers: { 'x-test-developer': developer } })).status;
    return { ...world, write, statusFor };
  }

  it('are read anew from the file that was rotated, in the request that found out', async () => {
    const { account, keys, sts, write, statusFor, passTime } = await fromFile();
    expect(await statusFor('ann')).toBe(200);
    account.expire(keys);
    write(account.issue());
    passTime(6_000);
    const statuses = await Promise.all(['ben', 'cleo', 'ann'].map(statusFor));
    expect(statuses).toEqual([200, 200, 200]);
    expect(sts.calls.map(({ session }) => session).sort()).toEqual(['ann', 'ben', 'cleo']);
  });

  it('fail the request while there are no others, and serve once the file has them', async () => {
    const { account, keys, upstream, gateway, write, statusFor, passTime } = await fromFile();
    account.expire(keys);
    expect(await statusFor('ann')).toBe(502);
    passTime(6_000);
    expect(await statusFor('ann')).toBe(502);
    expect(upstream.requests).toHaveLength(0);
    expect(gateway.log.join('\n')).toContain('AssumeRole failed: ExpiredTokenException: ');
    write(account.issue());
    passTime(12_000);
    expect(await statusFor('ann')).toBe(200);
  });
});

describe('keys of a role that Bedrock refuses as over', () => {
  it('are asked for anew, and the request goes out again', async () => {
    const world = await withRole();
    expect((await world.post()).status).toBe(200);
    const [first] = world.sts.calls;
    if (!first) throw new Error('STS was not asked');
    world.account.expire(first.keys);
    // Keys that are new are hardly over: what is wrong with those is something else.
    expect((await world.post()).status).toBe(502);
    world.passTime(6_000);
    expect((await world.post()).status).toBe(200);
    expect(world.sts.calls).toHaveLength(2);
  });
});
