import { describe } from 'vitest';
import { describeEveryProvider } from './every-provider.ts';
import { answersContract } from './provider-answers.ts';
import { errorsContract } from './provider-errors.ts';
import { failoverContract } from './provider-failover.ts';
import { refusalsContract } from './provider-refusals.ts';
import { requestsContract } from './provider-requests.ts';
import { streamsContract } from './provider-streams.ts';

describeEveryProvider((under) => {
  describe('requests', () => requestsContract(under));
  describe('answers', () => answersContract(under));
  describe('streams', () => streamsContract(under));
  describe('errors', () => errorsContract(under));
  describe('what is refused', () => refusalsContract(under));
  describe('failover', () => failoverContract(under));
});
