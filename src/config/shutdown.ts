import { z } from 'zod';
import { whole } from './fields.ts';

export const shutdownShape = z
  .strictObject({
    delay_seconds: whole(0, 3_600).default(0).meta({
      title: 'Delay',
      description: 'How long the listener goes on accepting after SIGTERM; 10 on Kubernetes.',
    }),
    grace_seconds: whole(0, 86_400).default(600).meta({
      title: 'Grace',
      description:
        'How long streams in flight may take to end. CLAUDE_GATEWAY_DRAIN_TIMEOUT_MS overrides it.',
    }),
  })
  .meta({ title: 'Shutdown', description: 'How the gateway ends.' });
