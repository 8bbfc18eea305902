// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { text } from '../fields.ts';
import { checkRegion, regionKey, vertexRegionIn } from './region.ts';
import type { UpstreamCheck } from './upstream-check.ts';
import { upstreamKeys } from './upstream-keys.ts';

const authShape = z
  .strictObject({
    service_account_json: text('the path of a JSON key file')
      .refine((value) => !value.trimStart().startsWith('{'), {
        error: 'is the path of a key file, and not what is in it',
        params: { hint: 'write the path itself, without ${file:…}' },
      })
      .optional()
      .meta({
        title: 'Service account',
        description: 'Path of the key file of a service account.',
        examples: ['/run/secrets/vertex.json'],
      }),
  })
  .meta({
    title: 'Credential',
    description: "A service account's key file; {} is Google's application default credentials.",
  });

export const vertexShape = z
  .strictObject({
    ...upstreamKeys('vertex', {
      title: 'Google Cloud: Agent Platform, known as Vertex AI.',
      baseUrl: "Another endpoint, as for Private Service Connect. By default the region's own.",
      baseUrlExample: 'https://us-east5-aiplatform.p.googleapis.com',
    }),
    region: regionKey('global', 'A location: global, us, eu or a region. Required unless base_url names it.'),
    project_id: text('the id of a project')
      .refine((value) => /^(?:[a-z0-9.-]+:)?[a-z0-9-]+$/.test(value), {
        error: 'must be the id of a project: lower-case letters, digits and -',
      })
      .meta({
        title: 'Project',
        description: 'The project that requests are made in.',
        examples: ['acme-ai'],
      }),
    auth: authShape.prefault({}),
  })
  .meta({ title: 'Google Cloud', description: 'Google Cloud: Agent Platform, known as Vertex AI.' });

export const checkVertex: UpstreamCheck<typeof vertexShape> = (upstream, path, report) => {
  checkRegion(path, vertexRegionIn(upstream.base_url), 'global', report);
};
