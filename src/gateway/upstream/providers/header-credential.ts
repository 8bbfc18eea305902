import type { CredentialSource } from '../credential-source.ts';
import type { OutgoingRequest, Prepared, Provider, Refusal } from '../provider.ts';

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

/**
 * The part of a provider that its credential is in: `write` makes the request with these headers, at once where the
 * credential is at hand; a request that was refused for a credential that is over is worth sending again.
 */
export function withCredential(
  credential: HeaderCredential,
  write: (credentialHeaders: readonly string[], request: OutgoingRequest) => Prepared,
  judge: Provider['judge'],
): Pick<Provider, 'prepare' | 'judge'> {
  return {
    prepare(request) {
      const headers = credential.headersFor(request);
      return headers instanceof Promise
        ? headers.then((late) => write(late, request))
        : write(headers, request);
    },
    judge(refusal: Refusal) {
      const judgement = judge(refusal);
      if (refusal.status !== 401 || !credential.refusedFor(refusal.request)) return judgement;
      return { ...judgement, isWorthRepeating: true };
    },
  };
}
