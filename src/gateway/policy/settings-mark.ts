import { createHmac, hkdfSync } from 'node:crypto';
import type { Secret } from '../../kernel/secret.ts';

const MOST_REMEMBERED = 1_000;
const LONGEST = 1_000;

/**
 * What stands in the audit log for the settings checksum that a client reports: an HMAC under a key of its own, 16 digits.
 * The key comes from the first of the session secrets. Equal checksums have equal marks, on every replica, and none can be guessed. Several checksums have as many marks.
 */
export function createSettingsMark([secret]: readonly Secret[]): (
  reported: string | undefined,
) => string | undefined {
  if (!secret) throw new RangeError('session.jwt_secret needs at least one secret');
  const key = new Uint8Array(hkdfSync('sha256', secret.reveal(), 'sallyport/1', 'settings mark', 32));
  const marks = new Map<string, string>();
  const markOf = (checksum: string): string =>
    createHmac('sha256', key).update(checksum).digest('hex').slice(0, 16);

  return (reported) => {
    if (reported === undefined || reported === '' || reported.length > LONGEST) return undefined;
    const known = marks.get(reported);
    if (known !== undefined) return known;
    const checksums = reported.split(',').map((part) => part.trim());
    const mark = checksums
      .filter((checksum) => checksum !== '')
      .map(markOf)
      .join(',');
    if (mark === '') return undefined;
    if (marks.size >= MOST_REMEMBERED) marks.clear();
    marks.set(reported, mark);
    return mark;
  };
}
