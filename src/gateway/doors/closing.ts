/** What has been opened, to be closed in the reverse order. */
export interface Closing {
  add(close: () => void | Promise<void>): void;
  /** Closes everything once; a part that cannot be closed does not keep the others open. Never rejects. */
  close(): Promise<void>;
}

export function createClosing(): Closing {
  const opened: (() => void | Promise<void>)[] = [];
  return {
    add: (close) => void opened.push(close),
    async close() {
      for (;;) {
        const last = opened.pop();
        if (!last) return;
        // The process is ending: a part that fails to close has nobody left to tell.
        await Promise.resolve()
          .then(last)
          .catch(() => undefined);
      }
    },
  };
}
