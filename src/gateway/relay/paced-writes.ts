import type { AnswerSource, Reply } from '../exchange.ts';

export interface PacedWrites {
  write(bytes: Buffer): void;
  /** Whether the client has to catch up first. */
  isHeldUp(): boolean;
}

/** Writes to a client, and makes the source stand still while the client is slow. */
export function createPacedWrites(source: AnswerSource, reply: Reply): PacedWrites {
  let isPaused = false;
  return {
    isHeldUp: () => isPaused,
    write(bytes) {
      if (reply.write(bytes) || isPaused) return;
      isPaused = true;
      source.pause();
      reply.onDrain(() => {
        isPaused = false;
        source.resume();
      });
    },
  };
}
