import { describe } from 'vitest';
import { describeEveryStore } from './every-store.ts';
import { deviceGrantsContract } from './store-grants.ts';
import { rateCountersContract } from './store-rate-counters.ts';
import { refreshNotesContract } from './store-refresh-notes.ts';
import { revocationsContract } from './store-revocations.ts';
import { sessionsContract } from './store-sessions.ts';
import { upkeepContract } from './store-upkeep.ts';

describeEveryStore((under) => {
  describe('device grants', () => deviceGrantsContract(under));
  describe('rate counters', () => rateCountersContract(under));
  describe('sessions', () => sessionsContract(under));
  describe('revocations', () => revocationsContract(under));
  describe('refresh notes', () => refreshNotesContract(under));
  describe('upkeep', () => upkeepContract(under));
});
