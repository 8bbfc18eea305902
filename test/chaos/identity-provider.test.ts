import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { paths, REFRESH_TOKEN_GRANT } from '../../src/kernel/protocol.ts';
import { openWorld, SOUND, type World } from '../support/chaos-world.ts';
import { ask } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';
import type { Interceptor } from '../support/oidc-provider.ts';

/** What the gateway asks of it while developers work. */
const ENDPOINTS = ['/token', '/jwks', '/me'];
const AT_ONCE = 8;
const PATIENCE = { timeout: 15_000, interval: 200 };

let mend: () => void = () => undefined;
/** Hangs, and is restarted in the end. */
const hangs: Interceptor = async () => {
  await new Promise<void>((resolve) => {
    const before = mend;
    mend = () => {
      before();
      resolve();
    };
  });
  throw new Error('reset');
};
const resets: Interceptor = () => {
  throw new Error('reset');
};
const late =
  (ms: number): Interceptor =>
  async (_request, original) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return original();
  };

let world: World;

beforeAll(async () => {
  world = await openWorld({ store: { embedded: await newEmbeddedFolder() } });
});

afterAll(() => world?.close());

const intercept = (interceptor: Interceptor | undefined): void => {
  for (const endpoint of ENDPOINTS) world.deployment.provider.intercept(endpoint, interceptor);
};

/** The status of a refresh, on a connection of its own. */
async function refresh(refreshToken: string): Promise<number> {
  const form = { grant_type: REFRESH_TOKEN_GRANT, refresh_token: refreshToken };
  const answer = await ask(world.gateway.url + paths.token, { form, headers: { connection: 'close' } });
  return answer.status;
}

it.each<[string, Interceptor, number]>([
  ['resets every connection', resets, 503],
  ['hangs and is restarted', hangs, 503],
  ['is slower than a refresh waits', late(5_000), 200],
  ['answers 500', () => ({ status: 500, body: {} }), 503],
  ['answers 429', () => ({ status: 429, body: { error: 'slow_down' } }), 503],
  ['answers nonsense', () => ({ status: 200, body: { nothing: 'of use' } }), 503],
])(
  'while the provider %s, inference goes on and refresh is 503; afterwards all is as before',
  async (_what, interceptor, signInStatus) => {
    const tokens: string[] = [];
    for (let i = 0; i < AT_ONCE; i += 1) tokens.push((await world.flow.signIn('practice-pat')).refresh_token);
    const { user_code } = await world.flow.start();
    const { callbackUrl, cookie } = await world.flow.goToProvider(user_code, 'practice-ada');

    intercept(interceptor);
    const signIn = ask(callbackUrl, { cookie });
    const refreshes = Promise.all([world.refresh(), ...tokens.map(refresh)]);
    for (let i = 0; i < AT_ONCE; i += 1)
      expect(await world.infer({ isStreamed: true })).toMatchObject({
        text: SOUND.join(''),
        isComplete: true,
      });
    expect(new Set(await refreshes)).toEqual(new Set([503]));
    expect((await signIn).status).toBe(signInStatus);

    intercept(undefined);
    mend();
    for (const token of tokens)
      await vi.waitFor(async () => expect(await refresh(token)).toBe(200), PATIENCE);
    await world.expectSteady();
  },
);
