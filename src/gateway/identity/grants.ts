import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { DeviceGrant, DeviceGrants } from '../store/ports.ts';
import type { KeyRing } from './keys.ts';
import { createSealer } from './sealer.ts';
import { userCodeMac } from './user-code.ts';

const Identity = z.object({
  sub: z.string(),
  email: z.string().optional(),
  name: z.string().optional(),
  groups: z.array(z.string()),
  providerToken: z.string().optional(),
});

/** What a device grant holds besides its state. Sealed in the store: a dump of it signs nobody in. */
const Contents = z.object({
  userCode: z.string(),
  /** The client as it named itself. */
  surface: z.string().optional(),
  /** The address that asked. */
  clientIp: z.string(),
  /** The authorization request a browser was sent away with; the newest one counts. */
  request: z.object({ state: z.string(), nonce: z.string(), codeVerifier: z.string().optional() }).optional(),
  /** The person who approved. */
  identity: Identity.optional(),
});

export type GrantContents = z.infer<typeof Contents>;

export interface OpenGrant {
  readonly row: DeviceGrant;
  readonly contents: GrantContents;
}

export interface Grants {
  /** False when the user code is taken. */
  create(
    deviceCode: string,
    contents: GrantContents,
    times: { readonly nowMs: number; readonly expiresAtMs: number },
  ): Promise<boolean>;
  findByDeviceCode(deviceCode: string, nowMs: number): Promise<DeviceGrant | undefined>;
  /** Only grants that still wait for approval. */
  findPending(
    by: { readonly userCode: string } | { readonly deviceHash: string },
    nowMs: number,
  ): Promise<OpenGrant | undefined>;
  contentsOf(row: DeviceGrant): Promise<GrantContents | undefined>;
  /** False when the grant has changed since it was read. */
  reseal(grant: OpenGrant, contents: GrantContents): Promise<boolean>;
  approve(grant: OpenGrant, identity: NonNullable<GrantContents['identity']>): Promise<boolean>;
  deny(grant: OpenGrant): Promise<boolean>;
}

/** RFC 8628 section 6.1: seconds between polls to begin with. */
export const INITIAL_INTERVAL_SECONDS = 5;

export function createGrants(store: DeviceGrants, ring: KeyRing): Grants {
  const sealer = createSealer(ring, ({ grants }) => grants, 'grant+jwe');

  const contentsOf = async (row: DeviceGrant): Promise<GrantContents | undefined> => {
    if (row.sealed === undefined) return undefined;
    const parsed = Contents.safeParse(await sealer.open(row.sealed));
    return parsed.success ? parsed.data : undefined;
  };

  /** The code's stand-in under every secret, so that a rotation does not cut off sign-ins under way. */
  const byUserCode = async (letters: string, nowMs: number): Promise<DeviceGrant | undefined> => {
    for (const { userCodes } of ring.all) {
      const row = await store.findByUserCode(userCodeMac(letters, userCodes), nowMs);
      if (row) return row;
    }
    return undefined;
  };

  return {
    async create(deviceCode, contents, { nowMs, expiresAtMs }) {
      const letters = contents.userCode.replace('-', '');
      return store.create({
        deviceHash: deviceHash(deviceCode),
        userCodeMac: userCodeMac(letters, ring.current.userCodes),
        sealed: await sealer.seal(contents),
        intervalSeconds: INITIAL_INTERVAL_SECONDS,
        createdAtMs: nowMs,
        expiresAtMs,
      });
    },
    findByDeviceCode: (deviceCode, nowMs) => store.findByDevice(deviceHash(deviceCode), nowMs),
    async findPending(by, nowMs) {
      const row =
        'userCode' in by
          ? await byUserCode(by.userCode, nowMs)
          : await store.findByDevice(by.deviceHash, nowMs);
      if (row?.state !== 'pending') return undefined;
      const contents = await contentsOf(row);
      return contents && { row, contents };
    },
    contentsOf,
    async reseal({ row }, contents) {
      return store.update(row.deviceHash, row.version, { sealed: await sealer.seal(contents) });
    },
    async approve({ row, contents }, identity) {
      const { request: _spent, ...kept } = contents;
      return store.update(row.deviceHash, row.version, {
        state: 'approved',
        sealed: await sealer.seal({ ...kept, identity }),
      });
    },
    deny: ({ row }) => store.update(row.deviceHash, row.version, { state: 'denied', sealed: null }),
  };
}

/** What stands for the device code in the store. */
function deviceHash(deviceCode: string): string {
  return createHash('sha256').update(deviceCode).digest('base64url');
}
