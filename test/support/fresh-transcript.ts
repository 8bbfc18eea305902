import { afterAll } from 'vitest';
import { transcript } from './gateway-process.ts';
import { expectNoLeaks, secretsOfFile } from './leaks.ts';

// Test files share their process, and what it has loaded; what one of them has printed is no other's.
transcript.length = 0;
secretsOfFile.clear();

// Hooks that were set first end last: by then the programs have ended, and have said what they say at the end.
afterAll(() => {
  if (transcript.length > 0) expectNoLeaks(transcript, [...secretsOfFile]);
});
