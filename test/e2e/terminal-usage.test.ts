import { describe, expect, it } from 'vitest';
import { sallyport } from '../support/gateway-process.ts';

const COMMANDS = /login, ask, models, .* (and|or) rotate-secret/.source;

describe('a command line that makes no sense', () => {
  it.each<[readonly string[], string]>([
    [['frobnicate'], `sallyport has no command frobnicate, only ${COMMANDS} \\(see sallyport --help\\)`],
    [['logn'], 'sallyport has no command logn \\(did you mean login\\?\\)'],
    [['--json'], `sallyport needs a command: ${COMMANDS} \\(see sallyport --help\\)`],
    [['config'], 'sallyport config needs a command: validate \\(see sallyport config --help\\)'],
    [
      ['config', 'check'],
      'sallyport config has no command check, only validate \\(see sallyport config --help\\)',
    ],
    [['--nope'], 'sallyport has no option --nope \\(see sallyport --help\\)'],
    [
      ['models', '--gatway-url'],
      'sallyport models has no option --gatway-url \\(did you mean --gateway-url\\?\\)',
    ],
    [['ask', 'hi', '--model'], '--model needs a value: --model <id> \\(see sallyport ask --help\\)'],
    [
      ['models', 'all', 'of'],
      'sallyport models takes no arguments, but was given all, of \\(see sallyport models --help\\)',
    ],
    [
      ['schema', 'a', 'b'],
      'sallyport schema takes one argument at most, but was given a, b \\(see sallyport schema --help\\)',
    ],
    [
      ['schema', 'gatewy'],
      'sallyport schema does not know gatewy; it takes gateway, managed-settings or audit-event \\(see sallyport schema --help\\)',
    ],
    [['run'], 'sallyport run needs the argument <command> \\(see sallyport run --help\\)'],
    [['ask'], 'There is nothing to ask: give a message \\(see sallyport ask --help\\)'],
    [['rotate-secret', '--force'], '--force goes with --finish \\(see sallyport rotate-secret --help\\)'],
    [
      ['config', 'validate', '/no/such.yaml'],
      '/no/such.yaml cannot be read: there is no such file; check the path, and that this user may read it',
    ],
    [['a\u001b[31mb'], 'sallyport has no command a\\[31mb, only .*'],
  ])('%j is answered in one sentence that says what is allowed', async (args, sentence) => {
    const { code, stdout, stderr } = await sallyport(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^Error: ${sentence}\n$`));
  });
});
