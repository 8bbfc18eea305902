import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';
import type { GuardedFetch } from '../../../src/gateway/exchange.ts';
import type { IdTokenAlgorithm } from '../../../src/gateway/identity/id-token.ts';
import {
  createOpenIdProvider,
  type OpenIdProviderOptions,
} from '../../../src/gateway/identity/openid-provider.ts';
import type {
  AuthorizationRequest,
  Identity,
  IdentityProvider,
} from '../../../src/gateway/identity/provider.ts';
import { type Clock, systemClock } from '../../../src/kernel/clock.ts';
import type { Log, LogLevel } from '../../../src/kernel/log.ts';
import { secret } from '../../../src/kernel/secret.ts';
import {
  signInWithoutBrowser,
  startOidcProvider,
  type TestProvider,
  type TestProviderOptions,
} from '../../support/oidc-provider.ts';

/** Real time that can be moved forward. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function createTestClock(): TestClock {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
    sleep: systemClock.sleep,
    advance(ms) {
      aheadMs += ms;
    },
  };
}

export interface TestLog extends Log {
  readonly lines: string[];
  at(level: LogLevel): string[];
}

export function createTestLog(level: LogLevel = 'debug'): TestLog {
  const lines: string[] = [];
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
  const isEnabled = (asked: LogLevel) => levels.indexOf(asked) >= levels.indexOf(level);
  const write = (asked: LogLevel) => (message: string) => {
    if (isEnabled(asked)) lines.push(`${asked} ${message}`);
  };
  return {
    lines,
    at: (asked) => lines.filter((line) => line.startsWith(`${asked} `)),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isEnabled,
  };
}

export const KEYS: Readonly<Record<IdTokenAlgorithm, KeyObject>> = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
};

export const ADA = 'practice-ada';

/** A provider on its own port, the gateway's side of it, and a browser. */
export interface World {
  readonly idp: TestProvider;
  readonly provider: IdentityProvider;
  readonly clock: TestClock;
  readonly log: TestLog;
  /** Walks the browser to the callback; the query it arrives with. */
  arrive(options?: {
    readonly person?: string;
    readonly request?: AuthorizationRequest;
  }): Promise<URLSearchParams>;
  signIn(person?: string): Promise<Identity>;
  /** Rewrites every id_token from now on and signs it with the provider's own key. */
  forgeIdToken(change: (claims: JWTPayload) => JWTPayload, header?: Partial<JWTHeaderParameters>): void;
  close(): Promise<void>;
}

export const REQUEST: AuthorizationRequest = {
  state: 'state-of-the-test',
  nonce: 'nonce-of-the-test',
  codeVerifier: 'a-code-verifier-of-the-tests-that-is-long-enough',
};

export interface WorldOptions {
  readonly algorithm?: IdTokenAlgorithm;
  readonly idp?: TestProviderOptions;
  readonly log?: TestLog;
  readonly fetch?: GuardedFetch;
}

export async function startWorld(
  overrides: Partial<OpenIdProviderOptions> = {},
  {
    algorithm = 'RS256',
    idp: idpOptions = {},
    log = createTestLog(),
    fetch: guardedFetch = fetch,
  }: WorldOptions = {},
): Promise<World> {
  const signing = { algorithm, privateKey: KEYS[algorithm] };
  const idp = await startOidcProvider({ signing, ...idpOptions });
  const clock = createTestClock();
  const provider = await createOpenIdProvider(
    { ...providerOptions(idp), idTokenSignedResponseAlg: algorithm, ...overrides },
    { fetch: guardedFetch, clock, log },
  ).catch(async (error: unknown) => {
    await idp.close();
    throw error;
  });

  const arrive: World['arrive'] = async ({ person = ADA, request = REQUEST } = {}) => {
    const url = await provider.authorizationUrl(request);
    const page = await signInWithoutBrowser(url.href, { person, stopAt: idp.redirectUri });
    return new URL(page.url).searchParams;
  };
  return {
    idp,
    provider,
    clock,
    log,
    arrive,
    signIn: async (person = ADA) => provider.redeem(await arrive({ person }), REQUEST),
    forgeIdToken(change, header = {}) {
      idp.intercept('/token', async (_request, original) => {
        const answer = await original();
        const token = String(answer.body['id_token']);
        const genuine = decodeProtectedHeader(token);
        const forged = await new SignJWT(change(decodeJwt(token)))
          .setProtectedHeader({ ...genuine, alg: algorithm, ...header })
          .sign(signing.privateKey);
        return { ...answer, body: { ...answer.body, id_token: forged } };
      });
    },
    close: () => idp.close(),
  };
}

export function providerOptions(idp: TestProvider): OpenIdProviderOptions {
  return {
    issuer: idp.issuer,
    clientId: idp.clientId,
    clientSecret: secret(idp.clientSecret),
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    scopeOnRefresh: false,
    extraAuthParams: {},
    userinfoFallback: false,
    idTokenSignedResponseAlg: 'RS256',
    clockSkewSeconds: 0,
    additionalAuthorizedParties: [],
    emailClaim: 'email',
    groupsClaim: 'groups',
    publicUrl: new URL(idp.redirectUri).origin,
  };
}

/** The public half of a key as a provider publishes it. */
export async function publicJwk(key: KeyObject, extra: Record<string, string> = {}) {
  const { kty, n, e, crv, x, y } = await exportJWK(key);
  const jwk = { kty, n, e, crv, x, y, use: 'sig', ...extra };
  return Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined));
}

/** The error a promise rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
