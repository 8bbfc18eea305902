import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { type Document, isDocument } from './documents.ts';

/** What the gateway itself adds to settings, below what a policy says. */
export interface SettingsPush {
  /** Variables for everybody, with a policy or without; a policy's own value of one wins. */
  readonly env: Readonly<Record<string, string>>;
  /** `modelPricing` for people with a policy; one of the policy's own is kept whole. */
  readonly modelPricing: Document | undefined;
}

/** The answer of `/managed/settings`, ready to be sent. */
export interface ServedSettings {
  readonly checksum: string;
  readonly etag: string;
  readonly body: string;
}

/** What a developer gets: undefined when no policy matches and nothing is pushed. */
export function servedSettings(policy: Document | undefined, push: SettingsPush): ServedSettings | undefined {
  const settings = withPushed(policy, push);
  if (!settings) return undefined;
  const json = canonicalJson(settings);
  const checksum = digest(json);
  const uuid = digest(`managed settings ${json}`);
  return {
    checksum,
    etag: `"${checksum}"`,
    body: `{"uuid":"${uuid}","checksum":"${checksum}","settings":${json}}`,
  };
}

/** `sha256:` and the hexadecimal SHA-256 of a text. */
export function digest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function withPushed(policy: Document | undefined, { env, modelPricing }: SettingsPush): Document | undefined {
  const isPushed = Object.keys(env).length > 0;
  if (!policy) return isPushed ? { env } : undefined;
  const own = isDocument(policy['env']) ? policy['env'] : {};
  return {
    ...(modelPricing ? { modelPricing } : {}),
    ...policy,
    ...(isPushed ? { env: { ...env, ...own } } : {}),
  };
}
