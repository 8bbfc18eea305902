// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { describe, expect, it } from 'vitest';
import { adviceOf, configOf, errorsOf, printed, problemsOf } from '../config-file.ts';
import { upstreams } from './upstream-file.ts';

describe('vertex', () => {
  const vertex = (more: string) => upstreams(`provider: vertex, ${more}`);

  it.each(['global', 'us', 'eu', 'us-east5', 'europe-west1'])('serves from %s', (region) => {
    expect(problemsOf(vertex(`region: ${region}, project_id: acme-ai`))).toEqual([]);
  });

  it.each([
    'https://aiplatform.googleapis.com',
    'https://aiplatform.eu.rep.googleapis.com/v1',
    'https://us-east5-aiplatform.googleapis.com',
    'https://europe-west1-aiplatform.p.googleapis.com',
  ])('has its region from %s', (url) => {
    expect(problemsOf(vertex(`base_url: "${url}", project_id: acme-ai`))).toEqual([]);
  });

  it('needs a region and a project', () => {
    expect(errorsOf(vertex('auth: {}'))).toEqual([
      'upstreams[0].project_id is required',
      'upstreams[0].region is required',
    ]);
    expect(errorsOf(vertex('base_url: https://llm.example.com, project_id: a1'))).toEqual([
      'upstreams[0].region is required: base_url does not name a region',
    ]);
  });

  it.each(['acme-ai', 'example.com:acme-ai', '123456789012'])('takes the project %s', (project) => {
    expect(problemsOf(vertex(`region: us, project_id: "${project}"`))).toEqual([]);
  });

  it.each(['a/b', 'Acme', '../x', 'a b'])('does not take the project %s', (project) => {
    expect(errorsOf(vertex(`region: us, project_id: "${project}"`))).toEqual([
      expect.stringContaining('upstreams[0].project_id must be the id of a project'),
    ]);
  });

  it('takes the path of a key file, not what is in it', () => {
    const of = (value: string) =>
      vertex(`region: us, project_id: a1, auth: { service_account_json: ${value} }`);
    expect(problemsOf(of('/run/key.json'))).toEqual([]);
    const files = { '/run/key.json': '{"private_key":"hunter2"}' };
    const text = of('"${file:/run/key.json}"');
    expect(adviceOf(text, { files })).toEqual([
      'upstreams[0].auth.service_account_json is the path of a key file, and not what is in it; write the path itself, without ${file:…}',
    ]);
    expect(printed(text, { files })).not.toContain('hunter2');
  });
});

describe('foundry', () => {
  const foundry = (more: string) => upstreams(`provider: foundry, ${more}`);

  it('is at a resource, or at an address, or at both', () => {
    for (const where of [
      'resource: acme',
      'base_url: https://a.example.com/anthropic',
      'resource: acme, base_url: https://a.example.com',
    ])
      expect(problemsOf(foundry(`${where}, auth: { api_key: k }`))).toEqual([]);
    expect(errorsOf(foundry('auth: { api_key: k }'))).toEqual(['upstreams[0] needs resource or base_url']);
  });

  it.each(['acme.evil.example', 'a/b', 'a_b', '"a@b"'])('has no resource %s', (resource) => {
    expect(errorsOf(foundry(`resource: ${resource}, auth: { api_key: k }`))).toEqual([
      expect.stringContaining('upstreams[0].resource must be the name of a resource'),
    ]);
  });

  it.each([
    ['{}', 'auth needs api_key or use_azure_ad: true'],
    ['{ use_azure_ad: false }', 'auth needs api_key or use_azure_ad: true'],
    ['{ api_key: k, use_azure_ad: true }', 'auth holds api_key and use_azure_ad: exactly one is possible'],
    ['{ api_key: k, scope: a }', 'auth.scope is of use with use_azure_ad: true only'],
    ['{ use_azure_ad: true, scope: "a b" }', 'auth.scope must be one scope, without blanks, found "a b"'],
    ['{ use_azure_ad: perhaps }', 'auth.use_azure_ad must be true or false, found "perhaps"'],
  ])('is refused with auth: %s', (auth, words) => {
    expect(errorsOf(foundry(`resource: acme, auth: ${auth}`))).toEqual([`upstreams[0].${words}`]);
  });

  it('says which credential is missing', () => {
    expect(adviceOf(foundry('resource: acme'))).toEqual([
      'upstreams[0].auth is required; add auth: { api_key: "${ANTHROPIC_FOUNDRY_API_KEY}" }',
    ]);
  });

  it('takes a switch from a variable', () => {
    const text = foundry(
      'resource: acme, auth: { use_azure_ad: "${ENTRA}", scope: https://ai.azure.us/.default }',
    );
    expect(configOf(text, { env: { ENTRA: 'true' } }).upstreams[0]?.auth).toEqual({
      use_azure_ad: true,
      scope: 'https://ai.azure.us/.default',
    });
    expect(problemsOf(text, { requiresEnv: false })).toEqual([]);
  });
});
