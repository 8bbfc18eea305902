import { expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { bootWarnings } from '../../../src/gateway/doors/boot-report.ts';
import { check, fileWith } from '../../config/config-file.ts';

/** The warnings at boot for a file, with what the program fills in for practice. */
function warningsFor(text: string, fill: Readonly<Record<string, unknown>> = {}): readonly string[] {
  const checked = check(text, { fill });
  if (checked.kind !== 'valid') throw new Error('not valid');
  const { config, warnings } = checked;
  return bootWarnings({ config, warnings, path: '/etc/gateway.yaml' }, readEnvironment({}));
}

const UNUSED = 'is accepted, but nothing in this version acts on it; remove it until a version does';

it('a key that nothing acts on is named at boot, with its line', () => {
  const text = fileWith({
    store: 'store:\n  embedded: /var/lib/sallyport\n  spool_dir: /var/spool\n',
  });
  const lineOf = (key: string) => text.split('\n').findIndex((line) => line.includes(key)) + 1;
  expect(warningsFor(text)).toEqual([
    `/etc/gateway.yaml:${lineOf('spool_dir')}:3: store.spool_dir ${UNUSED}`,
  ]);
});

it('its default is nobody’s fault, nor is what the program itself has filled in', () => {
  expect(warningsFor(fileWith(), { store: { spool_dir: '/var/spool' } })).toEqual([]);
});
