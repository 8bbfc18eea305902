/** Somebody to sign in as. */
export interface PracticePerson {
  readonly sub: string;
  readonly name: string;
  readonly email: string;
  readonly groups: readonly string[];
  /** What the person stands for, one sentence for the page. */
  readonly about: string;
}

/** One person a group, so that policies can be tried. */
export const PRACTICE_PEOPLE: readonly PracticePerson[] = [
  {
    sub: 'practice-ada',
    name: 'Ada Example',
    email: 'ada@example.test',
    groups: ['eng'],
    about: 'an engineer',
  },
  {
    sub: 'practice-con',
    name: 'Con Example',
    email: 'con@example.test',
    groups: ['contractors'],
    about: 'a contractor',
  },
  {
    sub: 'practice-pat',
    name: 'Pat Example',
    email: 'pat@example.test',
    groups: ['platform-admins'],
    about: 'a platform administrator',
  },
];
