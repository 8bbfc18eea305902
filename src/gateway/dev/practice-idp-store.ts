import { createHash } from 'node:crypto';
import type { Adapter, AdapterPayload, ClientMetadata } from 'oidc-provider';
import type { RowKeeper } from './practice-idp-file.ts';

interface Row {
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

const MAX_ROWS = 10_000;
/** What a session of the gateway needs to be renewed. */
const KEPT_MODELS: ReadonlySet<string> = new Set(['RefreshToken', 'Grant']);

/**
 * Where the practice provider has its codes, tokens and sessions: in memory, and refresh tokens with their grants also where
 * `keeper` keeps them. There they go by the SHA-256 of the token. Clients come from `findClient`.
 */
export function createPracticeStore(
  findClient: (id: string) => ClientMetadata | undefined,
  nowMs: () => number,
  keeper?: RowKeeper,
): (model: string) => Adapter {
  const rows = new Map<string, Row>();
  for (const [key, payload, expiresAtMs] of keeper?.load() ?? []) rows.set(key, { payload, expiresAtMs });

  const live = (key: string): AdapterPayload | undefined => {
    const row = rows.get(key);
    return row && row.expiresAtMs > nowMs() ? row.payload : undefined;
  };
  const where = (model: string, accept: (payload: AdapterPayload) => boolean): AdapterPayload | undefined => {
    for (const [key, { payload }] of rows) {
      if (key.startsWith(`${model}:`) && accept(payload)) return live(key);
    }
    return undefined;
  };
  const removeWhere = (accept: (row: Row) => boolean): void => {
    for (const [key, row] of rows) if (accept(row)) rows.delete(key);
  };
  const keep = (): void => {
    if (!keeper) return;
    removeWhere(({ expiresAtMs }) => expiresAtMs <= nowMs());
    const kept = [...rows].filter(([key]) => KEPT_MODELS.has(modelOf(key)));
    keeper.save(kept.map(([key, { payload, expiresAtMs }]) => [key, payload, expiresAtMs]));
  };

  return (model) => {
    const changed = KEPT_MODELS.has(model) ? keep : () => undefined;
    return {
      async upsert(id, payload, expiresInSeconds) {
        if (rows.size >= MAX_ROWS) removeWhere(({ expiresAtMs }) => expiresAtMs <= nowMs());
        const expiresAtMs = expiresInSeconds ? nowMs() + expiresInSeconds * 1000 : Number.MAX_SAFE_INTEGER;
        rows.set(keyOf(model, id), { payload: withoutToken(model, payload), expiresAtMs });
        changed();
      },
      async find(id) {
        if (model === 'Client') return findClient(id);
        const payload = live(keyOf(model, id));
        return payload && { ...payload, jti: id };
      },
      async findByUid(uid) {
        return where(model, (payload) => payload.uid === uid);
      },
      async findByUserCode(userCode) {
        return where(model, (payload) => payload.userCode === userCode);
      },
      async consume(id) {
        const payload = live(keyOf(model, id));
        if (payload) payload.consumed = Math.floor(nowMs() / 1000);
        changed();
      },
      async destroy(id) {
        rows.delete(keyOf(model, id));
        changed();
      },
      async revokeByGrantId(grantId) {
        removeWhere(({ payload }) => payload.grantId === grantId);
        changed();
      },
    };
  };
}

/** A refresh token is its own name, and must not be found in a file. */
function keyOf(model: string, id: string): string {
  return `${model}:${model === 'RefreshToken' ? createHash('sha256').update(id).digest('base64url') : id}`;
}

function modelOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

function withoutToken(model: string, payload: AdapterPayload): AdapterPayload {
  if (model !== 'RefreshToken') return payload;
  const { jti: _, ...rest } = payload;
  return rest;
}
