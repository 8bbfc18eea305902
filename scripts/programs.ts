// Runs the command line as a person would, in scripts that walk a whole way: start, read, wait for the end.
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

export interface Program {
  readonly child: ChildProcess;
  /** Resolves with the first match in everything the program prints, before or after the question. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with everything it printed; rejects when it ended with anything but 0. */
  ended(): Promise<string>;
}

export interface Place {
  /** `bin/cli.js` of the checkout or of an installed package. */
  readonly cli: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Prints each command line and, as it comes, everything the programs print. */
export function createPrograms({ cli, env, cwd }: Place): (...args: readonly string[]) => Program {
  return (...args) => {
    console.log(`$ sallyport ${args.join(' ')}`);
    const child = spawn(process.execPath, [cli, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
    let text = '';
    const printed = new EventEmitter();
    for (const [stream, out] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      stream.on('data', (chunk: Buffer) => {
        out.write(chunk);
        text += chunk.toString();
        printed.emit('text');
      });
    }
    const closed = once(child, 'close');
    return {
      child,
      seen: (pattern) =>
        new Promise((resolve, reject) => {
          const look = () => {
            const match = pattern.exec(text);
            if (match) resolve(match);
          };
          printed.on('text', look);
          void closed.then(() =>
            reject(new Error(`ended with ${child.exitCode} before printing ${pattern}`)),
          );
          look();
        }),
      async ended() {
        await closed;
        if (child.exitCode !== 0) throw new Error(`ended with ${child.exitCode ?? child.signalCode}`);
        return text;
      },
    };
  };
}
