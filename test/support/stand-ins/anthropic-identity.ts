import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
import type { FederationOptions } from '../../../src/gateway/upstream/providers/anthropic-federation.ts';
import { envelope } from './messages-answers.ts';

const ISSUER = 'https://tokens.example.test';
const AUDIENCE = 'https://api.anthropic.com';
const SUBJECT = 'system:serviceaccount:tools:sallyport';
const RULE = { federation_rule_id: 'fdrl_1', organization_id: '0b8a9c0e-1111-4222-8333-444455556666' };

export interface ExchangeAnswer {
  readonly status: number;
  readonly body: string;
}

/** The token endpoint of Workload Identity Federation, and a workload's own token in a file. */
export interface IdentityExchange {
  readonly options: FederationOptions;
  /** The JSON bodies that were sent to it, and the betas with them. */
  readonly exchanges: readonly { readonly body: Readonly<Record<string, unknown>>; readonly betas: string }[];
  /** Given instead of a token, as often as it stands. */
  instead: ExchangeAnswer | undefined;
  lifetimeSeconds: number;
  /** Writes another token of the workload, of this life, or this text. */
  rotate(token?: string | { readonly expiresInSeconds: number }): Promise<string>;
  hasIssued(token: string | undefined): boolean;
  /** Takes back what was issued. */
  revoke(): void;
  serve(headers: IncomingHttpHeaders, body: Buffer, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

export async function openIdentityExchange(
  optional: Partial<FederationOptions> = {},
): Promise<IdentityExchange> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const folder = await mkdtemp(join(tmpdir(), 'identity-'));
  const path = join(folder, 'token');
  const exchanges: { body: Record<string, unknown>; betas: string }[] = [];
  const issued = new Set<string>();
  let signed = 0;
  let minted = 0;

  const signedToken = (expiresInSeconds: number) => {
    signed += 1;
    const nowSeconds = Math.floor(Date.now() / 1000);
    return new SignJWT({ n: signed })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(SUBJECT)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + expiresInSeconds)
      .sign(privateKey);
  };

  const isRight = async (body: Record<string, unknown>, betas: string): Promise<boolean> => {
    const expected = {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      ...RULE,
      workspace_id: optional.workspaceId,
      service_account_id: optional.serviceAccountId,
    };
    const hasBetas = ['oauth-2025-04-20', 'oidc-federation-2026-04-01'].every((beta) =>
      betas.split(',').includes(beta),
    );
    if (!hasBetas || Object.entries(expected).some(([key, value]) => body[key] !== value)) return false;
    const checks = { issuer: ISSUER, audience: AUDIENCE, subject: SUBJECT, algorithms: ['ES256'] };
    return jwtVerify(String(body['assertion']), publicKey, checks).then(
      () => true,
      () => false,
    );
  };

  const exchange: IdentityExchange = {
    options: {
      federationRuleId: RULE.federation_rule_id,
      organizationId: RULE.organization_id,
      identityTokenFile: path,
      workspaceId: undefined,
      serviceAccountId: undefined,
      ...optional,
    },
    exchanges,
    instead: undefined,
    lifetimeSeconds: 3600,
    async rotate(token = { expiresInSeconds: 600 }) {
      const text = typeof token === 'string' ? token : await signedToken(token.expiresInSeconds);
      await writeFile(path, text);
      return text;
    },
    hasIssued: (token) => token !== undefined && issued.has(token),
    revoke: () => issued.clear(),
    async serve(headers, bytes, response) {
      const body = JSON.parse(bytes.toString());
      const betas = String(headers['anthropic-beta'] ?? '');
      exchanges.push({ body, betas });
      const send = (status: number, text: string) => {
        response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_exchange' });
        response.end(text);
      };
      if (exchange.instead) return send(exchange.instead.status, exchange.instead.body);
      if (headers['content-type'] !== 'application/json' || !(await isRight(body, betas)))
        return send(401, JSON.stringify(envelope(401, 'authentication_error', 'Authentication failed').body));
      minted += 1;
      const token = `sk-ant-oat01-federated-${minted}`;
      issued.add(token);
      const { lifetimeSeconds } = exchange;
      send(200, JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds }));
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
  await exchange.rotate();
  return exchange;
}
