import cluster from 'node:cluster';
import { metricsAnswer, metricsQuestion } from '../gateway/doors/worker-metrics.ts';
import type { Gateway } from '../gateway/start.ts';
import type { Host } from './host.ts';

/** What a running gateway is told: by signals, or by the supervisor of several workers. */
export interface Control {
  /** Aborts when the gateway is to stop. */
  readonly stop: AbortSignal;
  /** Aborts when it is not to wait for anybody any longer. */
  readonly hurry: AbortSignal;
  /** Who opens logs and reads files anew when that is asked for. */
  onReopen(listener: () => void): void;
  /** Who answers when the supervisor asks for this worker's figures; nobody else asks. */
  onMetrics(figures: Gateway['figures']): void;
  /** Takes the process's own behaviour back. */
  release(): void;
}

/** From the supervisor to a worker. */
export type WorkerOrder = 'sallyport:stop' | 'sallyport:reopen';

/** SIGTERM and SIGINT stop, a second one hurries, SIGHUP has files read anew. */
export function controlBySignals(host: Host): Control {
  const { control, stop, reopen } = createControl();
  const forget = [
    host.onSignal('SIGTERM', stop),
    host.onSignal('SIGINT', stop),
    host.onSignal('SIGHUP', reopen),
  ];
  return { ...control, release: () => forget.forEach((undo) => void undo()) };
}

/**
 * The supervisor's orders. Signals are its business: a terminal sends them to every process of the group. A supervisor
 * that is gone stops its workers.
 */
export function controlBySupervisor(host: Host): Control {
  const { control, stop, reopen } = createControl();
  const ignore = () => undefined;
  const forget = (['SIGTERM', 'SIGINT', 'SIGHUP'] as const).map((name) => host.onSignal(name, ignore));
  let figures: Gateway['figures'] | undefined;
  const tell = async (question: number): Promise<void> => {
    const snapshot = await figures?.();
    if (snapshot && cluster.worker?.isConnected())
      cluster.worker.send(metricsAnswer(question, snapshot), ignore);
  };
  const obey = (message: unknown): void => {
    if (message === ('sallyport:stop' satisfies WorkerOrder)) return stop();
    if (message === ('sallyport:reopen' satisfies WorkerOrder)) return reopen();
    const question = metricsQuestion(message);
    // A worker that does not answer is left out.
    if (question !== undefined) tell(question).catch(ignore);
  };
  cluster.worker?.on('message', obey);
  cluster.worker?.on('disconnect', stop);
  return {
    ...control,
    onMetrics(answer) {
      figures = answer;
    },
    release() {
      cluster.worker?.off('message', obey);
      cluster.worker?.off('disconnect', stop);
      forget.forEach((undo) => void undo());
    },
  };
}

function createControl() {
  const first = new AbortController();
  const second = new AbortController();
  const reopeners: (() => void)[] = [];
  return {
    stop: () => (first.signal.aborted ? second.abort() : first.abort()),
    reopen: () => reopeners.forEach((listener) => void listener()),
    control: {
      stop: first.signal,
      hurry: second.signal,
      onReopen: (listener: () => void) => void reopeners.push(listener),
      onMetrics: () => undefined,
    },
  };
}
