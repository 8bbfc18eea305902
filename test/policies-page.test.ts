import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createAllowListJudge } from '../src/gateway/doors/judge-allow-list.ts';
import { configOf, fileWith, problemsOf } from './config/config-file.ts';

const page = readFileSync(fileURLToPath(new URL('../docs/policies.md', import.meta.url)), 'utf8');
const recipes = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const inputs = { judgeAllowList: createAllowListJudge() };

describe('docs/policies.md', () => {
  it('has recipes', () => {
    expect(recipes.length).toBeGreaterThan(5);
  });

  it.each(recipes)('whose policies load without a warning: %#', (managed) => {
    const text = fileWith({ managed });
    expect(problemsOf(text, inputs)).toEqual([]);
    expect(configOf(text).managed.policies.length).toBeGreaterThan(0);
  });

  it('shows how some get Claude Desktop and others do not', () => {
    const { managed } = configOf(fileWith({ managed: recipes.at(-1) ?? '' }));
    expect(managed.policies.map((policy) => policy.desktop !== undefined)).toEqual([true, false]);
  });
});
