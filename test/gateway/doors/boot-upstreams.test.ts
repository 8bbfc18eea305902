import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { bootFacts } from '../../../src/gateway/doors/boot-report.ts';
import { configOf, fileWith } from '../../config/config-file.ts';

/** The lines at boot that are about upstreams, for these entries. */
function linesFor(...entries: readonly string[]): string[] {
  const items = entries.map((entry) => `  - { provider: anthropic, auth: { api_key: k }, ${entry} }\n`);
  const config = configOf(fileWith({ upstreams: `upstreams:\n${items.join('')}` }));
  const facts = bootFacts(config, 'https://gateway.example.com', undefined, readEnvironment({}));
  return facts.filter((line) => line.startsWith('upstream'));
}

describe('at boot the log says', () => {
  it('in which order upstreams are tried', () => {
    expect(linesFor('name: a', 'name: b')[0]).toBe('upstreams: a (anthropic), then b (anthropic)');
    expect(linesFor('name: a, priority: 5', 'name: b, priority: 4')[0]).toBe(
      'upstreams: b (anthropic), then a (anthropic)',
    );
  });

  it('which upstreams share the conversations, and by what weights', () => {
    const lines = linesFor('name: a, priority: 1, weight: 3', 'name: c, priority: 2', 'name: b, priority: 1');
    expect(lines[0]).toBe(
      'upstreams: a (anthropic, weight 3) or b (anthropic, weight 1), then c (anthropic)',
    );
  });

  it('how many requests each gets at a time', () => {
    expect(linesFor('name: a')[1]).toBe('upstream requests: no bound');
    expect(linesFor('name: a, max_connections: 256')[1]).toBe(
      'upstream requests: at most 256 at a time to a',
    );
    expect(linesFor('name: a, max_connections: 9', 'name: b, max_connections: 8', 'name: c')[1]).toBe(
      'upstream requests: at most 9 at a time to a, at most 8 at a time to b, no bound to the others',
    );
  });
});
