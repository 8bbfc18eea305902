import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { StoreOptions } from '../../../src/gateway/store/open.ts';
import type { Opening } from './store-opener.ts';

/** Another process that can open a store. */
export interface Opener {
  readonly child: ChildProcess;
  open(options: StoreOptions): Promise<Opening>;
  /** Closes what it has opened and ends. */
  leave(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Resolves when the process is loaded, so that several can be let go at the same moment. */
export async function startOpener(): Promise<Opener> {
  const child = fork(new URL('./store-opener.ts', import.meta.url));
  await once(child, 'message');
  const end = async (how: () => unknown): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    how();
    await exited;
  };
  return {
    child,
    async open(options) {
      const reported = once(child, 'message');
      child.send(options);
      const [opening]: readonly Opening[] = await reported;
      if (!opening) throw new Error('the process said nothing');
      return opening;
    },
    leave: () => end(() => child.connected && child.send('leave')),
    kill: () => end(() => child.kill('SIGKILL')),
  };
}
