import { z } from 'zod';
import { choice, text } from './fields.ts';

export const logShape = z
  .strictObject({
    audit: text('stderr, stdout or file:/path')
      .refine((value) => /^(?:stderr|stdout|file:\/.*[^/])$/.test(value), {
        error: 'must be stderr, stdout or file:/absolute/path',
      })
      .default('stderr')
      .meta({
        title: 'Audit events',
        description: 'Where audit events go, one JSON object a line. A file is reopened on SIGHUP.',
        examples: ['stdout', 'file:/var/log/sallyport/audit.jsonl'],
      }),
    format: choice('text', 'json')
      .default('text')
      .meta({ title: 'Format', description: 'Format of the operational log.' }),
    on_audit_failure: choice('continue', 'refuse').default('continue').meta({
      title: 'When the audit log fails',
      description:
        'While audit events cannot be written: continue, counting what is lost, or refuse new inference requests (503) until they can.',
    }),
  })
  .meta({ title: 'Log', description: 'Where the audit events and the operational log go.' });
