import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { TokenResponse } from '../../kernel/protocol.ts';
import type { RefreshNotes } from '../store/ports.ts';
import type { Briefly } from './briefly.ts';
import type { KeyRing } from './keys.ts';
import { createSealer } from './sealer.ts';

const Answer = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number(),
  refresh_token: z.string().optional(),
  email: z.string().optional(),
});

/** Sealed in the store: a dump of it signs nobody in. `of` ties a note to its token, so that rows cannot be exchanged. */
const Contents = z.object({
  of: z.string(),
  answer: Answer.optional(),
  providerToken: z.string().optional(),
});

export interface RefreshNote {
  /** What the gateway has answered when the token was shown. */
  readonly answer: TokenResponse | undefined;
  /** The provider's refresh token in place of the one that the token carries: the refresh failed after the provider had replaced it. */
  readonly providerToken: string | undefined;
}

const NOTHING: RefreshNote = { answer: undefined, providerToken: undefined };

/** What the processes of a gateway tell each other of a refresh token that may be shown again, if the store can be asked. */
export interface RefreshNotebook {
  /**
   * What has been noted. Without an answer among it the token is this process's to renew, until it notes what came of it or
   * releases it; `taken` while another process renews it.
   */
  take(tokenHash: string, nowMs: number): Promise<RefreshNote | 'taken'>;
  release(tokenHash: string): Promise<void>;
  noteAnswer(tokenHash: string, answer: TokenResponse, untilMs: number): Promise<void>;
  noteProviderToken(tokenHash: string, providerToken: string, untilMs: number): Promise<void>;
}

/** Longer than a refresh may take; a process that dies over one leaves its session alone for no longer than this. */
const CLAIM_MS = 10_000;

export function createRefreshNotebook(store: RefreshNotes, ring: KeyRing, briefly: Briefly): RefreshNotebook {
  const sealer = createSealer(ring, ({ refresh }) => refresh, 'note+jwe');

  const put = async (contents: z.input<typeof Contents>, untilMs: number): Promise<void> => {
    await briefly(sealer.seal(contents).then((sealed) => store.put(contents.of, sealed, untilMs)));
  };

  const owner = randomUUID();

  /** In this order: what is noted before the claim is won is read after it. */
  const claimAndFind = async (tokenHash: string, nowMs: number) => {
    const isMine = await store.claim(tokenHash, owner, { nowMs, lifeMs: CLAIM_MS });
    return { isMine, sealed: await store.find(tokenHash, nowMs) };
  };

  const open = async (tokenHash: string, sealed: string | undefined): Promise<RefreshNote> => {
    const parsed = Contents.safeParse(sealed && (await sealer.open(sealed)));
    if (!parsed.success || parsed.data.of !== tokenHash) return NOTHING;
    const { answer, providerToken } = parsed.data;
    return { answer: answer && tokenResponse(answer), providerToken };
  };

  return {
    async take(tokenHash, nowMs) {
      const found = await briefly(claimAndFind(tokenHash, nowMs));
      const note = await open(tokenHash, found?.sealed);
      return found?.isMine === false && !note.answer ? 'taken' : note;
    },
    async release(tokenHash) {
      await briefly(store.release(tokenHash, owner));
    },
    noteAnswer: (tokenHash, answer, untilMs) => put({ of: tokenHash, answer: { ...answer } }, untilMs),
    noteProviderToken: (tokenHash, providerToken, untilMs) => put({ of: tokenHash, providerToken }, untilMs),
  };
}

function tokenResponse({ refresh_token, email, ...required }: z.infer<typeof Answer>): TokenResponse {
  return {
    ...required,
    ...(refresh_token === undefined ? {} : { refresh_token }),
    ...(email === undefined ? {} : { email }),
  };
}
