import type { Caller, CatalogModel } from '../exchange.ts';
import { type Document, isDocument, type PolicyDocuments } from './documents.ts';

/** What is the same for all whom Claude Desktop asks for. */
export interface DesktopOptions {
  readonly publicUrl: string;
  /** Whether telemetry that comes in goes on to somewhere. */
  readonly forwardsTelemetry: boolean;
}

/**
 * What Claude Desktop is told: flat keys of how it reaches models, what the policy's settings mean for it, then the block's
 * own keys. What differs from person to person is `identityAttributes`.
 */
export function desktopDocument(
  { settings, desktop = {} }: PolicyDocuments,
  allowed: readonly CatalogModel[],
  { publicUrl, forwardsTelemetry }: DesktopOptions,
): Document {
  const egress = allowedDomainsOf(settings);
  const disabled = [...new Set([...texts(desktop['disabledBuiltinTools']), ...bareDenials(settings)])];
  return {
    inferenceProvider: 'gateway',
    inferenceGatewayBaseUrl: publicUrl,
    inferenceCredentialKind: 'interactive',
    inferenceModels: allowed.map(({ id, displayName }) => ({ name: id, labelOverride: displayName })),
    ...(egress ? { coworkEgressAllowedHosts: egress } : {}),
    ...(forwardsTelemetry
      ? { otlpEndpoint: publicUrl, otlpProtocol: 'http/protobuf', otlpAuthMode: 'inference-credential' }
      : {}),
    ...desktop,
    ...(disabled.length > 0 ? { disabledBuiltinTools: disabled } : {}),
  };
}

const LONGEST_VALUE = 255;

/** Who it is, as attributes of telemetry. Left out is what those who read them could not take. */
export function identityAttributes({ sub, email, groups }: Caller): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...attribute('user.email', email === undefined ? [] : [email]),
    ...attribute('user.groups', groups),
    ...attribute('enduser.id', [sub]),
  ]);
}

/** Several values are one, with commas between them; a comma within one would be read as such a comma. */
function attribute(name: string, values: readonly string[]): (readonly [string, string])[] {
  const value = values.join(',');
  if (value === '' || values.some((part) => /[,=]/.test(part))) return [];
  return encodedLength(value) > LONGEST_VALUE ? [] : [[name, value]];
}

/** Half a surrogate pair has no encoding. */
function encodedLength(value: string): number {
  return value.isWellFormed() ? encodeURIComponent(value).length : Number.POSITIVE_INFINITY;
}

/** Tools that are denied as a whole; rules about some uses of one mean nothing to Claude Desktop. */
function bareDenials(settings: Document): readonly string[] {
  const { permissions } = settings;
  const denied = isDocument(permissions) ? texts(permissions['deny']) : [];
  return denied.filter((rule) => /^[\w-]+$/.test(rule));
}

function allowedDomainsOf({ sandbox }: Document): readonly string[] | undefined {
  const network = isDocument(sandbox) ? sandbox['network'] : undefined;
  const domains = isDocument(network) ? network['allowedDomains'] : undefined;
  return Array.isArray(domains) ? texts(domains) : undefined;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
