import { createHash } from 'node:crypto';

const MAX_REMEMBERED = 10_000;

/**
 * What a provider gave in place of a refresh token when the refresh failed after that (keys or userinfo out of reach, the answer
 * too late): it may never take the old one again, and the session still holds it. In memory, for the next try.
 */
export interface Rotations {
  /** What to show the provider for a session's refresh token. */
  newest(refreshToken: string): string;
  remember(refreshToken: string, successor: string): void;
  /** The session has the newest one itself, or is over. */
  forget(refreshToken: string): void;
}

export function createRotations(): Rotations {
  const successors = new Map<string, string>();
  const keyOf = (refreshToken: string) => createHash('sha256').update(refreshToken).digest('base64url');
  return {
    newest(refreshToken) {
      let newest = refreshToken;
      for (;;) {
        const successor = successors.get(keyOf(newest));
        if (successor === undefined) return newest;
        newest = successor;
      }
    },
    remember(refreshToken, successor) {
      // Whatever it was before, it is the newest one now.
      successors.delete(keyOf(successor));
      // Map keeps insertion order: the oldest entry goes first.
      const [oldest] = successors.size >= MAX_REMEMBERED ? successors.keys() : [];
      if (oldest !== undefined) successors.delete(oldest);
      successors.set(keyOf(refreshToken), successor);
    },
    forget(refreshToken) {
      let forgotten: string | undefined = refreshToken;
      while (forgotten !== undefined) {
        const key = keyOf(forgotten);
        forgotten = successors.get(key);
        successors.delete(key);
      }
    },
  };
}
