import type { Progress } from './host.ts';

/** A line on a terminal that shows that something is under way. The cursor is back however the process ends. */
export function startSpinner(text: string, stream: NodeJS.WriteStream, isColoured: boolean): Progress {
  let latest = text;
  let isStopped = false;
  const spinner = import('ora').then(({ default: ora }) => {
    const color = isColoured ? 'cyan' : false;
    const made = ora({ text: latest, color, stream, isEnabled: true, discardStdin: false });
    return isStopped ? made : made.start();
  });
  return {
    update(next) {
      latest = next;
      void spinner.then((loaded) => {
        loaded.text = next;
      });
    },
    stop() {
      isStopped = true;
      void spinner.then((loaded) => loaded.stop());
    },
  };
}
