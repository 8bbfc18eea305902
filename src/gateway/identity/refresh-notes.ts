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

/** What the processes of a gateway tell each other of a refresh token that may be shown again, if the store can be asked. */
export interface RefreshNotebook {
  find(tokenHash: string, nowMs: number): Promise<RefreshNote | undefined>;
  noteAnswer(tokenHash: string, answer: TokenResponse, untilMs: number): Promise<void>;
  noteProviderToken(tokenHash: string, providerToken: string, untilMs: number): Promise<void>;
}

export function createRefreshNotebook(store: RefreshNotes, ring: KeyRing, briefly: Briefly): RefreshNotebook {
  const sealer = createSealer(ring, ({ refresh }) => refresh, 'note+jwe');

  const put = async (contents: z.input<typeof Contents>, untilMs: number): Promise<void> => {
    await briefly(sealer.seal(contents).then((sealed) => store.put(contents.of, sealed, untilMs)));
  };

  return {
    async find(tokenHash, nowMs) {
      const sealed = await briefly(store.find(tokenHash, nowMs));
      const parsed = Contents.safeParse(sealed && (await sealer.open(sealed)));
      if (!parsed.success || parsed.data.of !== tokenHash) return undefined;
      const { answer, providerToken } = parsed.data;
      return { answer: answer && tokenResponse(answer), providerToken };
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
