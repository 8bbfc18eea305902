import { describe, expect, it } from 'vitest';
import { endingFor } from '../../src/commands/exit-codes.ts';
import { failures } from '../../src/commands/failures.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';
import type { ErrorCode } from '../../src/kernel/error-codes.ts';

const codes = Object.keys(failures) as ErrorCode[];

describe('the ending of a failed command', () => {
  it.each(codes.filter((code) => code !== 'command_failed'))(
    'has a sentence for %s without any facts',
    (code) => {
      const { sentence, exitCode } = endingFor(new CodedError(code));
      expect(sentence).not.toBe('');
      expect(sentence).not.toMatch(/\.$/);
      expect([1, 2, 3, 4, 5, 130]).toContain(exitCode);
    },
  );

  it('is the documented exit code', () => {
    const exitCodeOf = (code: ErrorCode) => endingFor(new CodedError(code)).exitCode;
    const unsafe = [
      'insecure_url',
      'public_address',
      'proxy_public',
      'certificate_untrusted',
      'certificate_changed',
      'fingerprint_mismatch',
      'fingerprint_required',
      'unsafe_file_mode',
    ] as const;
    expect(unsafe.map(exitCodeOf)).toEqual(unsafe.map(() => 4));
    expect(
      ['host_unresolvable', 'gateway_unreachable', 'proxy_unresolvable'].map((code) =>
        exitCodeOf(code as ErrorCode),
      ),
    ).toEqual([1, 1, 1]);
    expect(
      (['not_signed_in', 'session_over', 'sign_in_denied', 'sign_in_expired'] as const).map(exitCodeOf),
    ).toEqual([3, 3, 3, 3]);
    expect(
      (['gateway_refused', 'model_not_allowed', 'model_unknown', 'forbidden'] as const).map(exitCodeOf),
    ).toEqual([5, 5, 5, 5]);
    expect((['bad_usage', 'config_invalid'] as const).map(exitCodeOf)).toEqual([2, 2]);
    expect(exitCodeOf('interrupted')).toBe(130);
  });

  it.each(codes)('names the gateway in every command to sign in with (%s)', (code) => {
    const facts = { gateway: 'https://g.example.test', host: 'g.example.test', presented: 'ab'.repeat(8) };
    const hint = endingFor(new CodedError(code, { facts })).hint ?? '';
    for (const command of hint.match(/sallyport login.*/g) ?? []) {
      expect(command).toMatch(
        /^sallyport login --gateway-url https:\/\/g\.example\.test( --fingerprint \w{16})?$/,
      );
    }
  });

  it('is a command with the fingerprint, ready to be run, where a certificate waits to be trusted', () => {
    const facts = {
      gateway: 'https://g.example.test',
      host: 'g.example.test',
      presented: '0123456789abcdef',
    };
    const command = 'sallyport login --gateway-url https://g.example.test --fingerprint 0123456789abcdef';
    for (const code of ['fingerprint_required', 'certificate_changed'] as const) {
      expect(endingFor(new CodedError(code, { facts })).hint).toContain(command);
      const { presented: _presented, ...unseen } = facts;
      expect(endingFor(new CodedError(code, { facts: unseen })).hint).toContain('--fingerprint <16 or 64');
    }
  });

  it.each([
    ['gateway_unreachable', { gateway: 'http://127.0.0.1:8080' }],
    ['gateway_unreachable', { gateway: 'https://[::1]' }],
    ['host_unresolvable', { host: 'localhost' }],
  ] as const)('speaks of no network when %s is about this machine: %j', (code, facts) => {
    expect(endingFor(new CodedError(code, { facts })).hint).not.toMatch(/VPN|network/);
  });

  it.each([
    ['gateway_unreachable', { gateway: 'https://10.0.0.1' }],
    ['host_unresolvable', { host: 'gateway.example.test' }],
  ] as const)('speaks of the network when %s is about another one: %j', (code, facts) => {
    expect(endingFor(new CodedError(code, { facts })).hint).toMatch(/VPN/);
  });

  it('is the exit code of the command that was run', () => {
    const ending = endingFor(new CodedError('command_failed', { facts: { exitCode: 42 } }));
    expect(ending).toEqual({ exitCode: 42, sentence: '', hint: undefined });
  });

  it('says of an error nobody foresaw that it is a mistake, not what it was', () => {
    const { exitCode, sentence, hint } = endingFor(new TypeError('token sk-123 is not a function'));
    expect(exitCode).toBe(1);
    expect(`${sentence}${hint}`).not.toContain('sk-123');
    expect(hint).toContain('--debug');
  });
});
