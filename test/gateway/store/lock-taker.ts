// A process of its own for the lock's tests: at each word from its parent tries to take the folder and says how that went;
// what it got it gives back at the next word.
import { lockFolder } from '../../../src/gateway/store/folder-lock.ts';
import { CodedError } from '../../../src/kernel/coded-error.ts';

const [, , folder = ''] = process.argv;
let release: (() => void) | undefined;

process.on('message', (word) => {
  release?.();
  release = undefined;
  if (word === 'release') return process.send?.('released');
  try {
    release = lockFolder(folder);
    process.send?.('taken');
  } catch (error) {
    process.send?.(error instanceof CodedError ? error.code : String(error));
  }
});
process.send?.('ready');
