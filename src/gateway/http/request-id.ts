import { randomFillSync } from 'node:crypto';

const BYTES_PER_ID = 12;

/** Makes `req_` ids of 24 hexadecimal digits; random bytes are drawn for several hundred ids at once. */
export function createRequestIds(): () => string {
  const pool = Buffer.allocUnsafe(BYTES_PER_ID * 512);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += BYTES_PER_ID;
    return `req_${pool.toString('hex', at - BYTES_PER_ID, at)}`;
  };
}
