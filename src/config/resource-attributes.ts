import { z } from 'zod';
import type { Report } from './report.ts';

const MAX_ENCODED = 255;

const attributeValue = z
  .string({ error: 'must be a string (put numbers and true/false in quotes)' })
  .refine((value) => /^[\x21-\x7e]+$/.test(value) && !/[,;=\\"%]/.test(value), {
    error: 'must be printable ASCII, not empty, without blanks and without , ; = \\ " %',
    abort: true,
  })
  .refine((value) => encodeURIComponent(value).length <= MAX_ENCODED, {
    error: `must be of ${MAX_ENCODED} characters at most, percent-encoded`,
  });

export const resourceAttributesShape = z
  .record(z.string(), attributeValue, { error: 'must be a map from attribute name to value' })
  .optional()
  .meta({
    title: 'Resource attributes',
    description: 'Pushed to clients as OTEL_RESOURCE_ATTRIBUTES, so that all their telemetry carries them.',
    examples: [{ 'deployment.environment': 'production', 'cost.centre': 'platform' }],
  });

/** What clients say of themselves and of the developer. */
const RESERVED = new Set([
  'service.name',
  'service.version',
  'claude.deployment_mode',
  'host.arch',
  'os.type',
  'os.version',
  'wsl.version',
]);
const RESERVED_PREFIXES = ['user.', 'enduser.', 'identity.'];

/** Names are letters, digits, `.`, `_` and `-`, and none that clients set themselves, in any case. */
export function checkResourceAttributes(
  attributes: Readonly<Record<string, unknown>> | undefined,
  report: Report,
): void {
  for (const name of Object.keys(attributes ?? {})) {
    const path = ['telemetry', 'resource_attributes', name];
    const lower = name.toLowerCase();
    if (!/^[A-Za-z0-9._-]+$/.test(name))
      report.error(path, 'is no attribute name: letters, digits and . _ - are possible', 'correct the name');
    else if (RESERVED.has(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix)))
      report.error(path, 'is an attribute that clients set themselves', 'use another name');
  }
}
