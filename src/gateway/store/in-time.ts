import { CodedError } from '../../kernel/coded-error.ts';

/** Gives up waiting after `ms` with `store_unavailable`; what becomes of the work later no longer matters. */
export function inTime<T>(work: PromiseLike<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(
      () => reject(new CodedError('store_unavailable', { detail: `no answer in ${ms} ms` })),
      ms,
    );
    work.then(
      (value) => {
        clearTimeout(giveUp);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(giveUp);
        reject(error);
      },
    );
  });
}
