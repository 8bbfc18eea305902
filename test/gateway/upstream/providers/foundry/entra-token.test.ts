import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadEntraToken } from '../../../../../src/gateway/upstream/providers/foundry/entra-token.ts';
import { systemClock } from '../../../../../src/kernel/clock.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { type EntraForm, openEntra } from '../../../../support/stand-ins/entra.ts';

const SCOPE = 'https://ai.azure.com/.default';

async function standUp(form: EntraForm) {
  const entra = await openEntra(form);
  onTestFinished(entra.close);
  return entra;
}

const failure = () => loadEntraToken(SCOPE, systemClock).then(String, (error: Error) => error.message);

describe('a token of Entra ID', () => {
  it.each(['client_secret', 'workload_identity'] as const)(
    'is had from the tenant with the %s of the environment',
    async (form) => {
      const entra = await standUp(form);
      const lease = await loadEntraToken(SCOPE, systemClock);
      expect(lease.value).toEqual(['authorization', 'Bearer entra-token-1']);
      expect(lease.expiresAtMs).toBeGreaterThan(Date.now() + 3_000_000);
      expect(entra.exchanges).toHaveLength(1);
    },
  );

  it('is had from the machine where it has an identity', async () => {
    const entra = await standUp('managed_identity');
    expect((await loadEntraToken(SCOPE, systemClock)).value).toEqual([
      'authorization',
      'Bearer entra-token-1',
    ]);
    expect(entra.managed).toEqual(['https://ai.azure.com']);
  });

  it('is asked for anew each time', async () => {
    const entra = await standUp('client_secret');
    await loadEntraToken(SCOPE, systemClock);
    expect((await loadEntraToken(SCOPE, systemClock)).value).toEqual([
      'authorization',
      'Bearer entra-token-2',
    ]);
    expect(entra.exchanges).toHaveLength(2);
  });

  it('is asked for with another scope where the operator names one', async () => {
    const entra = await standUp('client_secret');
    entra.scope = 'https://ai.azure.us/.default';
    expect(await failure()).not.toContain('Bearer');
    await loadEntraToken('https://ai.azure.us/.default', systemClock);
    expect(entra.exchanges.at(-1)?.get('scope')?.split(' ')).toContain('https://ai.azure.us/.default');
  });

  it('that is refused says why, and quotes no secret', async () => {
    await standUp('client_secret');
    vi.stubEnv('AZURE_CLIENT_SECRET', 'wrong~secret');
    onTestFinished(() => void vi.unstubAllEnvs());
    const message = await failure();
    expect(message).toContain('AADSTS7000215');
    expect(message).not.toMatch(/wrong~secret|\n/);
  });

  it('says so when nothing in the environment leads to one', async () => {
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'EnvironmentCredential');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await failure()).toContain('EnvironmentCredential');
  });

  it('is not waited for without end', async () => {
    const entra = await standUp('client_secret');
    entra.isSilent = true;
    const clock = createManualClock();
    const loading = loadEntraToken(SCOPE, clock);
    clock.advance(await clock.sleeper());
    await expect(loading).rejects.toThrow('Entra ID gave nothing within 30000 ms');
  });
});
