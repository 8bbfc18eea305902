import type { Adapter, AdapterPayload, ClientMetadata } from 'oidc-provider';

interface Row {
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

const MAX_ROWS = 10_000;

/** Where the practice provider keeps its codes, tokens and sessions: in memory. Clients come from `findClient`. */
export function createPracticeStore(
  findClient: (id: string) => ClientMetadata | undefined,
  nowMs: () => number,
): (model: string) => Adapter {
  const rows = new Map<string, Row>();

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

  return (model) => ({
    async upsert(id, payload, expiresInSeconds) {
      if (rows.size >= MAX_ROWS) removeWhere(({ expiresAtMs }) => expiresAtMs <= nowMs());
      const expiresAtMs = expiresInSeconds ? nowMs() + expiresInSeconds * 1000 : Number.POSITIVE_INFINITY;
      rows.set(`${model}:${id}`, { payload, expiresAtMs });
    },
    async find(id) {
      return model === 'Client' ? findClient(id) : live(`${model}:${id}`);
    },
    async findByUid(uid) {
      return where(model, (payload) => payload.uid === uid);
    },
    async findByUserCode(userCode) {
      return where(model, (payload) => payload.userCode === userCode);
    },
    async consume(id) {
      const payload = live(`${model}:${id}`);
      if (payload) payload.consumed = Math.floor(nowMs() / 1000);
    },
    async destroy(id) {
      rows.delete(`${model}:${id}`);
    },
    async revokeByGrantId(grantId) {
      removeWhere(({ payload }) => payload.grantId === grantId);
    },
  });
}
