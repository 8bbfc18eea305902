import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isSecret, secret } from '../../src/kernel/secret.ts';

const VALUE = 'sk-ant-api-very-secret';
const hidden = secret(VALUE);

describe('a secret', () => {
  it('is opened by name', () => {
    expect(hidden.reveal()).toBe(VALUE);
    expect(isSecret(hidden)).toBe(true);
    expect([isSecret(VALUE), isSecret(null), isSecret({}), isSecret({ reveal: VALUE })]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it.each<[string, () => string]>([
    ['a template', () => `${hidden}`],
    ['concatenation', () => `key ${String(hidden)}`],
    ['addition', () => ['key', hidden].join(' ')],
    ['JSON', () => JSON.stringify({ key: hidden, keys: [hidden] })],
    ['inspection', () => inspect(hidden)],
    ['inspection of what holds it', () => inspect({ deep: { key: hidden } }, { depth: 9, showHidden: true })],
    [
      'inspection without its own say',
      () => inspect(hidden, { customInspect: false, showHidden: true, depth: 9 }),
    ],
    ['%s', () => format('%s', hidden)],
    ['%o', () => format('%o', hidden)],
    ['%O', () => format('%O', hidden)],
    ['%j', () => format('%j', hidden)],
    [
      'an error that carries it',
      () => inspect(Object.assign(new Error('x', { cause: hidden }), { key: hidden })),
    ],
    ['its members', () => inspect(Object.entries({ ...hidden }), { depth: 9 })],
    ['an exception about it', () => thrownBy(() => (hidden as unknown as () => void)())],
    ['the console', () => printed((console) => console.log('key', hidden, { hidden }, [hidden]))],
    ['a table', () => printed((console) => console.table([{ hidden }]))],
    ['dir', () => printed((console) => console.dir({ hidden }, { depth: 9, showHidden: true }))],
  ])('does not show in %s', (_, show) => {
    expect(show()).not.toContain(VALUE);
  });

  it('shows that something is there', () => {
    expect(`${hidden}`).toBe('[secret]');
    expect(inspect({ key: hidden })).toBe('{ key: [secret] }');
    expect(JSON.stringify(hidden)).toBe('"[secret]"');
  });

  it('cannot be changed', () => {
    expect(() => Object.assign(hidden, { toString: () => VALUE })).toThrow(TypeError);
  });
});

function printed(print: (console: Console) => void): string {
  const stream = new PassThrough();
  print(new Console(stream));
  return String(stream.read());
}

function thrownBy(call: () => void): string {
  try {
    call();
    return '';
  } catch (error) {
    return inspect(error);
  }
}
