import { z } from 'zod';
import { cidr, listOf } from './fields.ts';

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
