import type { Clock } from '../../kernel/clock.ts';
import { CodedError } from '../../kernel/coded-error.ts';
import type { Accepted, BodyRoom } from '../exchange.ts';
import { type Claim, createByteShares } from './byte-shares.ts';

export interface BodyBudgetOptions {
  /** Request bytes that the process holds at once. */
  readonly maxBytes: number;
  /** How long a body waits for its room. */
  readonly waitMs?: number;
}

export interface BodyBudget {
  /** Room for the body of one request of this session, none at first. `close` gives it back. */
  open(session: string, request: Pick<Accepted, 'onGone'>): BodyRoom & { close(): void };
  readonly heldBytes: number;
}

const PARTS_FOR_ONE_SESSION = 8;
const WAIT_MS = 10_000;
const RETRY_AFTER_SECONDS = 5;

/**
 * Bounds the request bytes that the process holds; one session may hold an eighth. Where there is no room a body waits for
 * its turn, and is refused with `overloaded` when that takes too long.
 */
export function createBodyBudget(
  { maxBytes, waitMs = WAIT_MS }: BodyBudgetOptions,
  clock: Clock,
): BodyBudget {
  const shares = createByteShares({ maxBytes, shareBytes: Math.floor(maxBytes / PARTS_FOR_ONE_SESSION) });

  const waited = async (claim: Claim, bytes: number, { onGone }: Pick<Accepted, 'onGone'>): Promise<void> => {
    const turn = Promise.withResolvers<void>();
    const isOver = new AbortController();
    const forgetGone = onGone(() => turn.reject(new CodedError('client_left')));
    clock.sleep(waitMs, isOver.signal).then(
      () => turn.reject(claim.isKeptOutByShare() ? sessionFull() : full()),
      // Its turn came, or it left: nothing to wait for.
      () => undefined,
    );
    claim.wait(bytes, turn.resolve);
    try {
      await turn.promise;
    } finally {
      claim.stopWaiting();
      forgetGone();
      isOver.abort();
    }
  };

  return {
    open(session, request) {
      const claim = shares.open(session);
      return {
        bytes() {
          return claim.bytes();
        },
        resize(bytes, best = bytes) {
          if (claim.resize(best) || (best !== bytes && claim.resize(bytes))) return undefined;
          return waited(claim, bytes, request);
        },
        close: claim.close,
      };
    },
    get heldBytes() {
      return shares.heldBytes;
    },
  };
}

function full(): CodedError {
  return overloaded('the gateway holds as many request bytes as limits.max_buffered_bytes allows; try again');
}

function sessionFull(): CodedError {
  return overloaded(
    'your requests under way hold as many bytes as limits.max_buffered_bytes allows one session; try again',
  );
}

function overloaded(sentence: string): CodedError {
  return new CodedError('overloaded', { facts: { sentence, retryAfterSeconds: RETRY_AFTER_SECONDS } });
}
