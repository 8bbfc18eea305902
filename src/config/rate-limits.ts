import { z } from 'zod';
import { whole } from './fields.ts';

const limitShape = (max: number) =>
  z.strictObject({
    max: whole(1, 1_000_000)
      .default(max)
      .meta({ title: 'Requests', description: 'Requests allowed per window.' }),
    window_seconds: whole(1, 86_400)
      .default(600)
      .meta({ title: 'Window', description: 'Length of the window.' }),
  });

export const rateLimitsShape = z
  .strictObject({
    device_authorization: limitShape(30).prefault({}).meta({
      title: 'Device authorization',
      description: 'How many sign-ins may be started from one address.',
    }),
    device_verify: limitShape(10).prefault({}).meta({
      title: 'Code submissions',
      description: 'How many user codes may be submitted from one address.',
    }),
  })
  .meta({
    title: 'Rate limits',
    description:
      'Limits of the sign-in endpoints, per client address (IPv6: per /64), shared by all replicas.',
  });
