import { transcript } from './gateway-process.ts';

// Test files share their process, and what it has loaded; what one of them has printed is no other's.
transcript.length = 0;
