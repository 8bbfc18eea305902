// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { flag, secretText, text, whole } from './fields.ts';
import { postgresUrl } from './postgres-url.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

export const storeShape = z
  .strictObject({
    postgres_url: postgresUrl()
      .optional()
      .meta({
        title: 'PostgreSQL URL',
        description:
          'One PostgreSQL server, version 14 or newer. Of its parameters sslmode, sslrootcert, sslcert and sslkey are understood. Exactly one of postgres_url and embedded is needed.',
        examples: [
          '${DATABASE_URL}',
          'postgres://sallyport@db.corp.example.com:5432/sallyport?sslmode=verify-full',
        ],
      }),
    embedded: text('the path of a folder')
      .optional()
      .meta({
        title: 'Embedded store',
        description:
          'Folder of the embedded store: one process, one machine; for trying out and small teams.',
        examples: ['/var/lib/sallyport'],
      }),
    username: text()
      .optional()
      .meta({ title: 'User', description: 'Overrides the user of postgres_url.', examples: ['sallyport'] }),
    password: secretText()
      .optional()
      .meta({
        title: 'Password',
        description: 'Overrides the password of postgres_url.',
        examples: ['${file:/run/secrets/postgres-password}'],
      }),
    max_connections: whole(1, 1_000).default(5).meta({
      title: 'Connections',
      description: 'Size of the connection pool of each process.',
    }),
    connect_timeout_seconds: whole(1, 60).default(5).meta({
      title: 'Connect timeout',
      description: 'How long a connection to the server may take.',
    }),
    readiness_grace_seconds: whole(0, 3_600).default(0).meta({
      title: 'Readiness grace',
      description: 'How long /readyz stays ready while the store does not answer.',
    }),
    prepared_statements: flag().default(true).meta({
      title: 'Prepared statements',
      description: 'Set to false behind a pooler in transaction mode.',
    }),
    spool_dir: text('the path of a folder')
      .optional()
      .meta({
        title: 'Spool folder',
        description:
          'Where metering that could not be written goes at shutdown; read back at the next start.',
        examples: ['/var/spool/sallyport'],
        isLater: true,
      }),
  })
  .meta({ title: 'Store', description: 'Where sign-ins, sessions and revocations are kept.' });

const THROWAWAY =
  'for a throwaway PostgreSQL: docker run -d -p 127.0.0.1:5432:5432 -e POSTGRES_PASSWORD=throwaway postgres:18, then ' +
  'postgres_url: postgres://postgres:throwaway@127.0.0.1:5432/postgres; or, without a server, embedded: /var/lib/sallyport';

export function checkStore(store: Valid<z.output<typeof storeShape>> | undefined, report: Report): void {
  // A store that is no map has been reported.
  if (!store && report.has(['store'])) return;
  const hasUrl = report.has(['store', 'postgres_url']);
  const hasFolder = report.has(['store', 'embedded']);
  if (!hasUrl && !hasFolder)
    report.error(['store', 'postgres_url'], 'is required (or store.embedded): there is no store', THROWAWAY);
  if (hasUrl && hasFolder)
    report.error(
      ['store', 'embedded'],
      'stands beside store.postgres_url: exactly one is possible',
      'remove one of the two',
    );
  if (hasUrl || !hasFolder) return;
  for (const key of ['username', 'password', 'max_connections', 'connect_timeout_seconds'] as const) {
    if (report.has(['store', key]))
      report.warning(['store', key], 'has no effect with store.embedded', 'remove it');
  }
}
