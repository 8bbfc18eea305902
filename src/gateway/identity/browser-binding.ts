import { z } from 'zod';
import type { Accepted } from '../exchange.ts';
import type { KeyRing } from './keys.ts';
import { createSealer } from './sealer.ts';

const Contents = z.object({ deviceHash: z.string(), state: z.string() });

/** Ties a browser to the grant it was sent away for: the identity provider's redirect counts only where it began. */
export interface BrowserBinding {
  /** A `Set-Cookie` value. */
  cookieFor(grant: z.infer<typeof Contents>): Promise<string>;
  /** The grant of this browser, if the redirect's `state` is the one it was sent away with. */
  grantOf(request: Accepted, state: string): Promise<{ readonly deviceHash: string } | undefined>;
  readonly clearingCookie: string;
}

export function createBrowserBinding(ring: KeyRing, publicUrl: string): BrowserBinding {
  const isSecure = publicUrl.startsWith('https:');
  const name = isSecure ? '__Host-sallyport_grant' : 'sallyport_grant';
  const attributes = `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  const sealer = createSealer(ring, ({ grants }) => grants, 'browser+jwe');
  return {
    async cookieFor(grant) {
      return `${name}=${await sealer.seal(grant)}; Max-Age=600; ${attributes}`;
    },
    async grantOf(request, state) {
      const value = cookieNamed(request.headers.cookie, name);
      const parsed = Contents.safeParse(value === undefined ? undefined : await sealer.open(value));
      return parsed.success && parsed.data.state === state
        ? { deviceHash: parsed.data.deviceHash }
        : undefined;
    },
    clearingCookie: `${name}=; Max-Age=0; ${attributes}`,
  };
}

function cookieNamed(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
