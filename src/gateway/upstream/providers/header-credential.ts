import type { CredentialSource } from '../credential-source.ts';
import type { OutgoingRequest } from '../provider.ts';

/** A credential that is shown in headers: names and values in turn. */
export interface HeaderCredential {
  /** Rejects with CodedError `upstream_credentials` when there is none. */
  headersFor(request: OutgoingRequest): readonly string[] | Promise<readonly string[]>;
  /** The request was refused with what it got; true when it would get another one now. */
  refusedFor(request: OutgoingRequest): boolean;
}

/** The operator's own, which is not known to end. */
export function lastingCredential(headers: readonly string[]): HeaderCredential {
  return { headersFor: () => headers, refusedFor: () => false };
}

/** One that is renewed: remembers which request went out with which. */
export function passingCredential(source: CredentialSource<readonly string[]>): HeaderCredential {
  const shown = new WeakMap<OutgoingRequest, readonly string[]>();
  const noted = (headers: readonly string[], request: OutgoingRequest): readonly string[] => {
    shown.set(request, headers);
    return headers;
  };
  return {
    headersFor(request) {
      const headers = source.get();
      return headers instanceof Promise
        ? headers.then((late) => noted(late, request))
        : noted(headers, request);
    },
    refusedFor(request) {
      const headers = shown.get(request);
      return headers !== undefined && source.refused(headers);
    },
  };
}
