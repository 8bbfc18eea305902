/** What the embedded store's thread is told. `bytes` are whole messages of PostgreSQL's wire protocol. */
export type ToWorker =
  | { readonly kind: 'batch'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: 'hang_up'; readonly connection: number }
  | { readonly kind: 'close' };

/** What it says. `done` follows each batch and each hang-up. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'data'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: 'done' };
