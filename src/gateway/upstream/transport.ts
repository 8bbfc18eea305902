import { type buildConnector, type Dispatcher, Pool } from 'undici';
import type { Prepared } from './provider.ts';

/** Where an answer's bytes go. After `end` or `fail` nothing more is called. */
export interface AnswerSink {
  chunk(bytes: Buffer): void;
  end(): void;
  fail(error: Error): void;
}

/** An answer whose head has arrived. Bytes wait until `flow` names their sink. */
export interface TransportAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  flow(sink: AnswerSink): void;
  pause(): void;
  resume(): void;
  /** Ends the request at the upstream; the sink hears nothing more. */
  abort(): void;
}

export interface TransportOptions {
  readonly origin: string;
  readonly connect: buildConnector.connector;
  /** Longest silence between bytes of an answer. */
  readonly idleTimeoutMs: number;
}

export interface Transport {
  /** Rejects with the network's error when no head arrives; `onAbortable` is given the way to cancel until then. */
  send(
    request: Prepared,
    headersTimeoutMs: number,
    onAbortable: (abort: () => void) => void,
  ): Promise<TransportAnswer>;
  close(): Promise<void>;
}

/** The most bytes kept for a sink that has not been named yet. */
const MAX_WAITING_BYTES = 256 * 1024;

/** One connection pool to one upstream. As many connections as there are requests: no hidden cap. */
export function createTransport({ origin, connect, idleTimeoutMs }: TransportOptions): Transport {
  const pool = new Pool(origin, {
    connect,
    connections: null,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 600_000,
    bodyTimeout: idleTimeoutMs,
  });
  return {
    send: ({ path, headers, body }, headersTimeoutMs, onAbortable) =>
      new Promise((resolve, reject) => {
        const handler = createHandler(resolve, reject);
        onAbortable(handler.abort);
        pool.dispatch(
          { path, method: 'POST', headers, body, headersTimeout: headersTimeoutMs },
          handler.dispatch,
        );
      }),
    close: () => pool.destroy(),
  };
}

interface Handler {
  readonly dispatch: Dispatcher.DispatchHandler;
  abort(): void;
}

function createHandler(resolve: (answer: TransportAnswer) => void, reject: (error: Error) => void): Handler {
  let controller: Dispatcher.DispatchController | undefined;
  let sink: AnswerSink | undefined;
  let hasHead = false;
  let isAborted = false;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  /** How the answer ended before its sink was named. */
  let ending: (() => void) | undefined;

  const abort = (): void => {
    isAborted = true;
    sink = undefined;
    waiting = [];
    controller?.abort(new Error('aborted'));
  };

  const flow = (named: AnswerSink): void => {
    if (isAborted) return;
    sink = named;
    const early = waiting;
    waiting = [];
    for (const bytes of early) sink?.chunk(bytes);
    if (ending) ending();
    else if (waitingBytes > MAX_WAITING_BYTES) controller?.resume();
  };

  const finish = (tell: (named: AnswerSink) => void): void => {
    if (isAborted) return;
    if (sink) tell(sink);
    else ending = () => sink && tell(sink);
  };

  return {
    abort,
    dispatch: {
      onRequestStart(started) {
        controller = started;
        if (isAborted) started.abort(new Error('aborted'));
      },
      onResponseStart(_controller, status, headers) {
        // Informational answers come through here as well.
        if (status < 200) return;
        hasHead = true;
        resolve({
          status,
          headers,
          flow,
          abort,
          pause: () => controller?.pause(),
          resume: () => controller?.resume(),
        });
      },
      onResponseData(_controller, bytes) {
        if (sink) return sink.chunk(bytes);
        if (isAborted) return;
        waiting.push(bytes);
        waitingBytes += bytes.length;
        if (waitingBytes > MAX_WAITING_BYTES) controller?.pause();
      },
      onResponseEnd() {
        finish((named) => named.end());
      },
      onResponseError(_controller, error) {
        if (hasHead) finish((named) => named.fail(error));
        else reject(error);
      },
    },
  };
}
