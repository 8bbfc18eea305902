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
  clientId: z.string().optional(),
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
  /** Notes the authorization request a browser is sent away with. False when the grant is no longer pending. */
  sendAway(grant: OpenGrant, request: NonNullable<GrantContents['request']>, nowMs: number): Promise<boolean>;
  /** False when the grant is no longer pending, or another browser has been sent away for it since it was read. */
  approve(
    grant: OpenGrant,
    identity: NonNullable<GrantContents['identity']>,
    nowMs: number,
  ): Promise<boolean>;
  /** False when the grant is no longer pending. */
  deny(grant: OpenGrant, nowMs: number): Promise<boolean>;
}

type Change = Parameters<DeviceGrants['update']>[2];

/** RFC 8628 section 6.1: seconds between polls to begin with. */
export const INITIAL_INTERVAL_SECONDS = 5;

/** More polls than a client can make while one change is written. */
const MAX_TRIES = 20;

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

  /** The device's polls change the row as well: a change that lost to one is made again while the grant still allows it. */
  const write = async (
    { row }: OpenGrant,
    change: Change,
    nowMs: number,
    isStillMeant: (current: DeviceGrant) => boolean = () => true,
  ): Promise<boolean> => {
    let current: DeviceGrant | undefined = row;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (current?.state !== 'pending' || !isStillMeant(current)) return false;
      if (await store.update(row.deviceHash, current.version, change)) return true;
      current = await store.findByDevice(row.deviceHash, nowMs);
    }
    return false;
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
    async sendAway(grant, request, nowMs) {
      return write(grant, { sealed: await sealer.seal({ ...grant.contents, request }) }, nowMs);
    },
    async approve(grant, identity, nowMs) {
      const { request: _spent, ...kept } = grant.contents;
      const sealed = await sealer.seal({ ...kept, identity });
      const isSameRequest = (current: DeviceGrant) => current.sealed === grant.row.sealed;
      return write(grant, { state: 'approved', sealed }, nowMs, isSameRequest);
    },
    deny: (grant, nowMs) => write(grant, { state: 'denied', sealed: null }, nowMs),
  };
}

/** What stands for the device code in the store. */
function deviceHash(deviceCode: string): string {
  return createHash('sha256').update(deviceCode).digest('base64url');
}
