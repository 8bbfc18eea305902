import type { Reference } from '../config/rotate.ts';
import type { Change } from './rotate-secret-plan.ts';

const RESTART = 'Restart every gateway: the file is read when they start.';
const NO_STRAGGLER =
  'Of several replicas, one that still runs with the old file refuses the sessions that the others have renewed: restart them together.';

/** What was done and what comes next, a line each. `finishAtMs` is when the old secrets may go. */
export function reportLines(change: Change, file: string, finishAtMs: number | undefined): readonly string[] {
  return [...doneLines(change, file), ...nextLines(change, file, finishAtMs)];
}

/** The line that sets a new variable; the only place where the value is shown. */
export function assignment({ added }: Change): string | undefined {
  return added?.reference.kind === 'variable' ? `${added.reference.name}=${added.value}` : undefined;
}

/** How to bring about the step by hand, for a file that could not be written. */
export function byHandLines(change: Change, file: string, isSecretWritten: boolean): readonly string[] {
  return [
    `Put the text on stdout in place of ${file}.`,
    ...(isSecretWritten
      ? whereTheSecretIs(change)
      : [
          'Its first line holds the new secret: put that where the gateway gets it from, and take the line out.',
        ]),
    RESTART,
  ];
}

function doneLines(change: Change, file: string): readonly string[] {
  const backup = `${file}.bak is the file as it was`;
  switch (change.step) {
    case 'add':
      return [
        `${file}: the new secret signs, the old ones still verify; ${backup}.`,
        ...whereTheSecretIs(change),
      ];
    case 'now':
      return [
        `${file}: the secret is replaced; ${backup}.`,
        ...whereTheSecretIs(change),
        'Every session ends: once the gateways have restarted, everybody signs in again.',
      ];
    case 'finish':
      return [`${file}: the old secrets are gone; ${backup}.`];
  }
}

function nextLines(change: Change, file: string, finishAtMs: number | undefined): readonly string[] {
  if (change.step === 'add') {
    return [
      `${RESTART} ${NO_STRAGGLER}`,
      `${finishAtMs === undefined ? 'After session.ttl_hours plus 10 minutes' : `From ${instant(finishAtMs)} on`}: sallyport rotate-secret --config ${file} --finish`,
    ];
  }
  const leftovers = change.removed.flatMap(nameOf);
  const holdsSecrets = change.removed.some(({ kind }) => kind === 'plain');
  return [
    RESTART,
    ...(leftovers.length > 0 ? [`Nothing in the file names these any more: ${leftovers.join(', ')}.`] : []),
    ...(holdsSecrets ? [`Then delete ${file}.bak: it holds the old secrets.`] : []),
  ];
}

function whereTheSecretIs({ added }: Change): readonly string[] {
  if (!added) return [];
  const { reference, beside } = added;
  switch (reference.kind) {
    case 'plain':
      return [];
    case 'file':
      return [
        `The new secret is in ${reference.path} (mode 0600): make sure that the gateway's user can read it.`,
      ];
    case 'variable': {
      const old = beside.kind === 'variable' ? beside.name : 'the old one';
      return [
        `The line on stdout is the new secret, shown this once: set ${reference.name} where ${old} is set, and keep ${old}.`,
      ];
    }
  }
}

function nameOf(reference: Reference): readonly string[] {
  if (reference.kind === 'plain') return [];
  return [reference.kind === 'file' ? reference.path : reference.name];
}

/** To the second, in UTC; rounded up, for moments that something waits for. */
export function instant(ms: number): string {
  return `${new Date(Math.ceil(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** In hours and minutes, rounded up. */
export function duration(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const parts = [hours > 0 ? count(hours, 'hour') : '', rest > 0 || hours === 0 ? count(rest, 'minute') : ''];
  return parts.filter(Boolean).join(' and ');
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
