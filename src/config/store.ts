// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { flag, secretText, text, whole } from './fields.ts';

export const storeShape = z
  .strictObject({
    postgres_url: secretText('a URL like postgres://user:password@host:5432/database')
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
