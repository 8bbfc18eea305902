/** How long the head of an answer is waited for, and what an operator can do about it. */
export interface HeadersWait {
  readonly ms: number;
  readonly advice: string;
}

export interface Waits {
  readonly headers: HeadersWait;
  /** Longest silence between bytes of an answer. */
  readonly idleMs: number;
}

/** Requests whose headers come only when all is done may take an hour. */
export const WHOLE_ANSWER: HeadersWait = {
  ms: 3_600_000,
  advice: 'no key raises this: it holds for answers that are not streamed',
};

/** `timeouts.upstream_ttfb_ms`, or what is left of it after a wait for a place. */
export function streamedAnswer(leftMs: number, ttfbMs: number): HeadersWait {
  const key = `timeouts.upstream_ttfb_ms (${ttfbMs})`;
  const advice = `raise ${key} if answers may take longer to begin`;
  if (leftMs === ttfbMs) return { ms: leftMs, advice };
  return { ms: leftMs, advice: `the rest of ${key} went by in the line for upstreams[].max_connections` };
}

/** The library's timeouts in the operator's words: what passed, and which key it follows. Any other error as it is. */
export function explainTimeout(error: Error, { headers, idleMs }: Waits): Error {
  switch ('code' in error ? error.code : undefined) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return timedOut(`no headers within ${Math.round(headers.ms)} ms; ${headers.advice}`, error);
    case 'UND_ERR_BODY_TIMEOUT':
      return timedOut(
        `no byte for ${idleMs} ms; raise timeouts.upstream_idle_ms if answers may pause for longer`,
        error,
      );
    default:
      return error;
  }
}

/** Keeps the library's code, which is what people search for. */
function timedOut(what: string, cause: Error & { code?: unknown }): Error {
  return Object.assign(new Error(`${what} (${cause.code})`, { cause }), { code: cause.code });
}
