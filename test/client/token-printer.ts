// A process of its own for the session's tests: asks for the token as `sallyport token` does.
import { createDeveloper } from '../../src/commands/developer.ts';
import { createMemoryHost } from '../support/memory-host.ts';
import { createTestMachine } from './test-machine.ts';

const signedIn = await createDeveloper(
  createMemoryHost({ env: process.env }),
  createTestMachine({}),
).signedIn(undefined);
process.send?.(await signedIn.currentToken());
await signedIn.close();
process.disconnect?.();
