import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AwsAccount, IssuedKeys } from './aws-account.ts';

export const ROLE_ARN = 'arn:aws:iam::123456789012:role/gateway';

export interface StsStandIn {
  readonly url: string;
  /** How often keys were asked for. */
  readonly calls: number;
  /** What it gave so far. */
  readonly issued: readonly IssuedKeys[];
  /** From now on it answers 500, or again as it should. */
  isDown: boolean;
  close(): Promise<void>;
}

export interface StsOptions {
  readonly account: AwsAccount;
  /** The one web identity that it trusts. */
  readonly identityToken: string;
  readonly now: () => number;
  readonly lifetimeMs: number;
}

/** STS, as far as a web identity is exchanged for keys there. */
export async function startSts(options: StsOptions): Promise<StsStandIn> {
  const { account, identityToken, now, lifetimeMs } = options;
  const issued: IssuedKeys[] = [];
  let calls = 0;
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    calls += 1;
    const refuse = (status: number, code: string): void => {
      response.writeHead(status, { 'content-type': 'text/xml' });
      response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error></ErrorResponse>`,
      );
    };
    if (sts.isDown) return refuse(500, 'InternalFailure');
    if (form.get('Action') !== 'AssumeRoleWithWebIdentity' || form.get('RoleArn') !== ROLE_ARN)
      return refuse(400, 'InvalidAction');
    if (form.get('WebIdentityToken') !== identityToken) return refuse(400, 'InvalidIdentityToken');
    const keys = account.issue();
    issued.push(keys);
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(answerXml(keys, new Date(now() + lifetimeMs)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const sts: StsStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls;
    },
    issued,
    isDown: false,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return sts;
}

function answerXml({ accessKeyId, secretAccessKey, sessionToken }: IssuedKeys, end: Date): string {
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <AssumedRoleUser><Arn>${ROLE_ARN}/session</Arn><AssumedRoleId>AROA:session</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${accessKeyId}</AccessKeyId>
      <SecretAccessKey>${secretAccessKey}</SecretAccessKey>
      <SessionToken>${sessionToken}</SessionToken>
      <Expiration>${end.toISOString()}</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>stand-in</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>`;
}
