import { describe } from 'vitest';
import { describeEveryProvider } from './every-provider.ts';
import { answersContract } from './provider-answers.ts';
import { errorsContract } from './provider-errors.ts';
import { failoverContract } from './provider-failover.ts';
import { requestsContract } from './provider-requests.ts';

describeEveryProvider((under) => {
  describe('requests', () => requestsContract(under));
  describe('answers', () => answersContract(under));
  describe('errors', () => errorsContract(under));
  describe('failover', () => failoverContract(under));
});
