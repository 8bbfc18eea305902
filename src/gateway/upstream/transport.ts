import { type buildConnector, type Dispatcher, Pool } from 'undici';
import type { AnswerSink } from '../exchange.ts';
import type { Prepared, TransportAnswer } from './provider.ts';
import { explainTimeout, type HeadersWait, type Waits } from './timeouts.ts';

export interface TransportOptions {
  readonly origin: string;
  readonly connect: buildConnector.connector;
  /** Longest silence between bytes of an answer. */
  readonly idleTimeoutMs: number;
}

export interface Transport {
  /**
   * Resolves with the answer's head; rejects with the network's error when none arrives, or as soon as `gone` aborts.
   * The wait for the head begins when the request has been sent. `onOver` is called once, when nothing more will happen:
   * the answer is complete, broken or given up, or there is none.
   */
  send(
    request: Prepared,
    headersWait: HeadersWait,
    gone: AbortSignal,
    onOver?: () => void,
  ): Promise<TransportAnswer>;
  /** Whether what `send` rejected with says that there was no connection to be had. */
  isUnreached(error: unknown): boolean;
  close(): Promise<void>;
}

interface Exchange {
  readonly handler: Dispatcher.DispatchHandler;
  abort(): void;
}

/** The most bytes kept for a sink that has not been named yet. */
const MAX_WAITING_BYTES = 256 * 1024;

/**
 * One connection pool to one upstream, HTTP/1.1, one request at a time on each connection and as many connections as
 * there are requests. Redirects are answers like any other.
 */
export function createTransport({ origin, connect, idleTimeoutMs }: TransportOptions): Transport {
  const connectErrors = new WeakSet<Error>();
  const pool = new Pool(origin, {
    connect: (options, callback) =>
      connect(options, (...outcome) => {
        const [error] = outcome;
        if (error) connectErrors.add(error);
        callback(...outcome);
      }),
    connections: null,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 600_000,
    bodyTimeout: idleTimeoutMs,
  });
  return {
    send: ({ path, headers, body }, headersWait, gone, onOver) =>
      new Promise((resolve, reject) => {
        const { handler, abort } = createExchange(
          (answer) => {
            gone.removeEventListener('abort', abort);
            resolve(answer);
          },
          (error) => {
            gone.removeEventListener('abort', abort);
            reject(error);
          },
          { headers: headersWait, idleMs: idleTimeoutMs },
          onOver,
        );
        if (gone.aborted) return abort();
        gone.addEventListener('abort', abort);
        pool.dispatch({ path, method: 'POST', headers, body, headersTimeout: headersWait.ms }, handler);
      }),
    isUnreached: (error) => error instanceof Error && connectErrors.has(error),
    close: () => pool.destroy(),
  };
}

/** Turns undici's callbacks into one answer. Bytes that arrive before somebody wants them wait here. */
function createExchange(
  resolve: (answer: TransportAnswer) => void,
  reject: (error: Error) => void,
  waits: Waits,
  onOver: (() => void) | undefined,
): Exchange {
  let controller: Dispatcher.DispatchController | undefined;
  let sink: AnswerSink | undefined;
  let hasHead = false;
  let isPaused = false;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  /** How the answer ended: with an error, or well. */
  let ending: Error | 'end' | undefined;

  const pause = (): void => {
    isPaused = true;
    controller?.pause();
  };

  const resume = (): void => {
    isPaused = false;
    controller?.resume();
  };

  const finish = (how: Error | 'end'): void => {
    if (ending !== undefined) return;
    ending = how;
    onOver?.();
    if (!hasHead && how !== 'end') reject(how);
    else if (sink) tell(sink, how);
  };

  const abort = (): void => {
    waiting = [];
    finish(new Error('aborted'));
    controller?.abort(new Error('aborted'));
  };

  const flow = (named: AnswerSink): void => {
    const early = waiting;
    const mayResume = isPaused;
    waiting = [];
    isPaused = false;
    for (const bytes of early) named.chunk(bytes);
    sink = named;
    if (ending !== undefined) tell(named, ending);
    else if (mayResume && !isPaused) controller?.resume();
  };

  return {
    abort,
    handler: {
      onRequestStart(started) {
        controller = started;
        if (ending !== undefined) started.abort(new Error('aborted'));
      },
      onResponseStart(_controller, status, headers) {
        // Informational answers come through here as well.
        if (status < 200) return;
        hasHead = true;
        resolve({ status, headers, flow, abort, pause, resume });
      },
      onResponseData(_controller, bytes) {
        if (ending !== undefined) return;
        if (sink) return sink.chunk(bytes);
        waiting.push(bytes);
        waitingBytes += bytes.length;
        if (waitingBytes > MAX_WAITING_BYTES) pause();
      },
      onResponseEnd: () => finish('end'),
      onResponseError: (_controller, error) => finish(explainTimeout(error, waits)),
    },
  };
}

function tell(sink: AnswerSink, how: Error | 'end'): void {
  if (how === 'end') sink.end();
  else sink.fail(how);
}
