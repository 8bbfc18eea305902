import type { OtlpBody } from './otlp-body.ts';

/** A body that waits for its destination. */
export interface Waiting {
  readonly body: OtlpBody;
  /** What it counts for. */
  readonly bytes: number;
  /** Its place among all that wait for this destination. */
  readonly arrival: number;
  readonly attempts: number;
  /** `Clock.monotonicMs()`; undefined before the first attempt. */
  readonly firstFailedAtMs: number | undefined;
  /** `Clock.monotonicMs()` from which on it may be tried. */
  readonly dueAtMs: number;
}

/** The bodies of one signal, in the order they came. One that was taken holds its bytes until it is put back or released. */
export interface Line {
  /** Makes room by dropping the oldest of any signal that is not under way, or drops the newcomer. */
  add(body: OtlpBody): void;
  /** The oldest that may be tried now. */
  take(nowMs: number): Waiting | undefined;
  putBack(waiting: Waiting): void;
  release(waiting: Waiting): void;
  /** When one may be tried; undefined when none waits. */
  nextDueMs(): number | undefined;
  /** Every one may be tried now. */
  hurry(): void;
}

export interface Backlog {
  openLine(onDropped: (dropped: OtlpBody) => void): Line;
  readonly heldBytes: number;
  /** Bodies that wait or are under way. */
  readonly size: number;
}

/** An entry takes some memory besides its body: the bound must hold for many small ones too. */
const LEAST_BYTES = 1024;

interface KeptLine {
  oldest(): Waiting | undefined;
  dropOldest(): void;
}

/** What waits for one destination, of all signals together, within a number of bytes. */
export function createBacklog(maxBytes: number, onChange: (heldBytes: number) => void): Backlog {
  const lines: KeptLine[] = [];
  let heldBytes = 0;
  let size = 0;
  let arrivals = 0;

  const hold = (bytes: number, bodies: number): void => {
    heldBytes += bytes;
    size += bodies;
    onChange(heldBytes);
  };

  const lineWithOldest = (): KeptLine | undefined => {
    let found: KeptLine | undefined;
    let first = Number.POSITIVE_INFINITY;
    for (const line of lines) {
      const arrival = line.oldest()?.arrival ?? Number.POSITIVE_INFINITY;
      if (arrival < first) [found, first] = [line, arrival];
    }
    return found;
  };

  /** False when what is under way leaves no room. */
  const makeRoom = (bytes: number): boolean => {
    if (bytes > maxBytes) return false;
    while (heldBytes + bytes > maxBytes) {
      const line = lineWithOldest();
      if (!line) return false;
      line.dropOldest();
    }
    return true;
  };

  const openLine = (onDropped: (dropped: OtlpBody) => void): Line => {
    const fresh = createFifo<Waiting>();
    /** Tried before; all of them came before the fresh ones. */
    const tried: Waiting[] = [];

    const release = ({ bytes }: Waiting): void => hold(-bytes, -1);

    lines.push({
      oldest: () => tried[0] ?? fresh.first(),
      dropOldest() {
        const dropped = tried.shift() ?? fresh.shift();
        if (!dropped) return;
        release(dropped);
        onDropped(dropped.body);
      },
    });

    return {
      add(body) {
        const bytes = Math.max(body.bytes.length, LEAST_BYTES);
        if (!makeRoom(bytes)) return onDropped(body);
        arrivals += 1;
        fresh.push({ body, bytes, arrival: arrivals, attempts: 0, firstFailedAtMs: undefined, dueAtMs: 0 });
        hold(bytes, 1);
      },
      take(nowMs) {
        const index = tried.findIndex(({ dueAtMs }) => dueAtMs <= nowMs);
        return index < 0 ? fresh.shift() : tried.splice(index, 1)[0];
      },
      putBack(waiting) {
        const index = tried.findIndex(({ arrival }) => arrival > waiting.arrival);
        tried.splice(index < 0 ? tried.length : index, 0, waiting);
      },
      release,
      nextDueMs() {
        if (fresh.first()) return 0;
        if (tried.length === 0) return undefined;
        return tried.reduce((least, { dueAtMs }) => Math.min(least, dueAtMs), Number.POSITIVE_INFINITY);
      },
      hurry() {
        for (const [index, waiting] of tried.entries()) tried[index] = { ...waiting, dueAtMs: 0 };
      },
    };
  };

  return {
    openLine,
    get heldBytes() {
      return heldBytes;
    },
    get size() {
      return size;
    },
  };
}

/** First in, first out, without moving the others each time. */
function createFifo<T>() {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    push: (item: T) => void items.push(item),
    first: () => items[head],
    shift(): T | undefined {
      const item = items[head];
      if (item === undefined) return undefined;
      items[head] = undefined;
      head += 1;
      if (head > 64 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
  };
}
