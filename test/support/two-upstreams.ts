import {
  openForTest,
  type TestGateway,
  type TestGatewayOptions,
  type TestUpstream,
} from './inference-gateway.ts';
import { type Answerer, type StandInUpstream, upstreamForTest } from './upstream.ts';

/** What stands behind a gateway that has a choice. */
export interface TwoUpstreams {
  readonly first: StandInUpstream;
  readonly second: StandInUpstream;
}

/** Both end with the test that is about to begin. `answer` is the first one's. */
export async function startTwoUpstreams(answer?: Answerer): Promise<TwoUpstreams> {
  return { first: await upstreamForTest(answer), second: await upstreamForTest() };
}

export interface OfEither {
  readonly first?: Partial<TestUpstream>;
  readonly second?: Partial<TestUpstream>;
}

/** A gateway before both, by these names and in this order unless changed, for one test. */
export function openBefore(
  { first, second }: TwoUpstreams,
  changes: OfEither = {},
  options?: TestGatewayOptions,
): Promise<TestGateway> {
  return openForTest(
    [
      { name: 'first', url: first.url, ...changes.first },
      { name: 'second', url: second.url, ...changes.second },
    ],
    options,
  );
}
