import { expect, it } from 'vitest';
import { createRotations } from '../../../src/gateway/identity/openid-rotation.ts';

it('the newest of a refresh token that was never replaced is itself', () => {
  expect(createRotations().newest('a')).toBe('a');
});

it('the newest of a token that was replaced several times is the last one, from wherever one starts', () => {
  const rotations = createRotations();
  rotations.remember('a', 'b');
  rotations.remember('b', 'c');
  expect(['a', 'b', 'c'].map(rotations.newest)).toEqual(['c', 'c', 'c']);
});

it('a provider that hands out an old token again leads nobody in circles', () => {
  const rotations = createRotations();
  rotations.remember('a', 'b');
  rotations.remember('b', 'a');
  expect(rotations.newest('b')).toBe('a');
  expect(rotations.newest('a')).toBe('a');
  rotations.forget('b');
  expect(rotations.newest('b')).toBe('b');
});

it('what is forgotten is forgotten to its end', () => {
  const rotations = createRotations();
  rotations.remember('a', 'b');
  rotations.remember('b', 'c');
  rotations.forget('a');
  expect(['a', 'b'].map(rotations.newest)).toEqual(['a', 'b']);
});

it('of very many tokens the oldest is forgotten first', () => {
  const rotations = createRotations();
  for (let i = 0; i <= 10_000; i += 1) rotations.remember(`old ${i}`, `new ${i}`);
  expect(rotations.newest('old 0')).toBe('old 0');
  expect(rotations.newest('old 1')).toBe('new 1');
  expect(rotations.newest('old 10000')).toBe('new 10000');
});
