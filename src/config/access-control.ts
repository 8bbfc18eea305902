import { z } from 'zod';
import { cidr, listOf } from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

export const accessControlShape = z
  .strictObject({
    allow_cidrs: listOf(cidr(), 'addresses and blocks')
      .default([])
      .meta({
        title: 'Allow',
        description:
          'Client addresses that are let in; once set, all others are refused. /healthz and /readyz are exempt.',
        examples: [['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']],
      }),
    deny_cidrs: listOf(cidr(), 'addresses and blocks')
      .default([])
      .meta({
        title: 'Deny',
        description: 'Client addresses that are refused, also for probes; judged before allow_cidrs.',
        examples: [['10.66.0.0/16']],
      }),
  })
  .meta({ title: 'Access control', description: 'Which client addresses may talk to the gateway.' });

const PRIVATE =
  '[10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 127.0.0.0/8, "::1/128", "fc00::/7"]';

/** `isLocalOnly`: the listener is on loopback and nothing forwards to it. */
export function checkAccessControl(
  access: Valid<z.output<typeof accessControlShape>> | undefined,
  isLocalOnly: boolean,
  report: Report,
): void {
  if (access?.allow_cidrs?.length !== 0 || isLocalOnly) return;
  report.warning(
    ['access_control', 'allow_cidrs'],
    'is empty: every address that can reach the gateway is let in',
    `name your networks, or all private ones: ${PRIVATE}`,
  );
}
