import { expect, it } from 'vitest';
import { post } from '../support/inference-gateway.ts';
import { MODEL, type ProviderUnderTest } from './every-provider.ts';

/** What of a developer's request reaches a provider. */
export function requestsContract(under: ProviderUnderTest): void {
  const ask = async (body: object, headers: Record<string, string> = {}, path = '/v1/messages') => {
    const gateway = await under.gateway(under.standIn);
    const { status } = await post(gateway, { model: MODEL, max_tokens: 100, ...body }, { headers, path });
    expect(status).toBe(200);
    const asked = under.standIn.requests.at(-1);
    if (!asked) throw new Error('nothing was asked');
    return { ...asked, json: JSON.parse(asked.body.toString()) };
  };
  const conversation = {
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Zürich \u{1f4a1}?' }] }],
    tools: [{ name: 'weather', input_schema: { type: 'object', properties: { model: { type: 'string' } } } }],
    thinking: { type: 'enabled', budget_tokens: 50 },
    metadata: { user_id: 'u' },
    a_field_of_tomorrow: { nested: [1, 2.5e3, null] },
  };

  it('gets every field as it came, the model by the name that it has there', async () => {
    const asked = await ask(conversation);
    expect(asked.json).toMatchObject({ ...conversation, max_tokens: 100 });
    expect(asked.model).toBe(under.standIn.model);
  });

  it('gets safeguards, and never tags or their beta', async () => {
    const betas = 'context-1m-2025-08-07, request-tags-2026-08-21 ,safeguards-2026-09-01';
    const asked = await ask(
      { ...conversation, tags: { team: 'billing' }, safeguards: { level: 'x' } },
      { 'anthropic-beta': betas },
    );
    expect(asked.json).toMatchObject({ safeguards: { level: 'x' } });
    expect(asked.json).not.toHaveProperty('tags');
    expect(JSON.stringify([asked.headers, asked.json])).not.toMatch(/request-tags|billing/);
    if (under.traits.takesBetas)
      expect(asked.betas).toEqual(['context-1m-2025-08-07', 'safeguards-2026-09-01']);
  });

  it('gets its own credential and nothing of the developer', async () => {
    const { headers } = await ask(conversation, {
      authorization: 'Bearer developer-token',
      'x-api-key': 'developer-key',
      cookie: 'session=developer-cookie',
      'x-forwarded-for': '203.0.113.9',
      'anthropic-workspace-id': 'developer-workspace',
      'anthropic-organization-id': 'developer-organization',
      'x-claude-code-managed-settings-checksum': 'developer-checksum',
      'proxy-authorization': 'Basic developer-proxy',
    });
    expect(JSON.stringify(headers)).not.toMatch(/developer-|203\.0\.113\.9/);
  });

  it('gets one content type, and is asked for bytes that can be read', async () => {
    const { headers } = await ask(conversation, { 'accept-encoding': 'br, gzip' });
    expect(headers['content-type']).toBe('application/json');
    expect(headers['accept-encoding'] ?? 'identity').toBe('identity');
  });

  it('gets the query only where it means something', async () => {
    const { url } = await ask(conversation, {}, '/v1/messages?beta=true');
    expect(url.endsWith('?beta=true')).toBe(under.traits.speaksMessagesApi);
  });

  it('gets the version and the hints of the client where it speaks the same protocol', async () => {
    if (!under.traits.speaksMessagesApi) return;
    const sent = {
      'anthropic-version': '2026-10-21',
      'x-claude-code-session-id': 'session-1',
      'user-agent': 'claude-cli/2.1.330',
    };
    expect((await ask(conversation, sent)).headers).toMatchObject(sent);
    expect((await ask(conversation)).headers['anthropic-version']).toBe('2023-06-01');
  });
}
