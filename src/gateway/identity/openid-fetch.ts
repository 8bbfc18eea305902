import type { GuardedFetch } from '../exchange.ts';
import { failureOfAnswer, failureOfRequest, type Stage } from './openid-errors.ts';

/** One request to the provider. */
export interface ProviderRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  readonly signal?: AbortSignal | undefined;
}

export type ProviderFetch = (url: string, request: ProviderRequest, stage: Stage) => Promise<Response>;

/**
 * `fetch` for what the provider is asked. Resolves with a 200; anything else is thrown as `sign_in_refused` (an answer
 * about the person), `idp_unreachable`, `idp_misconfigured` or `idp_answer`. Redirects are not followed: the requests
 * carry credentials.
 */
export function createProviderFetch(fetch: GuardedFetch): ProviderFetch {
  return async (url, { method = 'GET', headers = {}, body, signal }, stage) => {
    const init: RequestInit = {
      method,
      headers: { ...headers },
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await fetch(url, init).catch((error: unknown) => {
      throw failureOfRequest(error, stage);
    });
    if (response.status === 200) return response;
    throw await failureOfAnswer(response, stage);
  };
}
