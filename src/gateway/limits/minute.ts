/** What was started in the last minute, counted by the second. */
export interface Minute {
  /** Counts one more and returns 0, or, when the minute is full, how many seconds must pass first. */
  start(second: number): number;
  /** Nothing was started within the last minute. */
  isOver(second: number): boolean;
}

/** The second that is under way, and sixty whole ones before it. */
const SLOTS = 61;

/** A sliding minute with room for `max` starts. `second` counts whole seconds and never falls. */
export function createMinute(max: number): Minute {
  const counts = new Uint32Array(SLOTS);
  let total = 0;
  let last = Number.NEGATIVE_INFINITY;

  const forgetBefore = (second: number): void => {
    const passed = Math.min(second - last, SLOTS);
    for (let i = 0; i < passed; i += 1) {
      const slot = (second - i) % SLOTS;
      total -= counts[slot] ?? 0;
      counts[slot] = 0;
    }
    last = second;
  };

  const secondsUntilRoom = (second: number): number => {
    let room = max - total;
    for (let passed = 1; passed < SLOTS; passed += 1) {
      room += counts[(second + passed) % SLOTS] ?? 0;
      if (room > 0) return passed;
    }
    return SLOTS;
  };

  return {
    start(second) {
      if (second !== last) forgetBefore(second);
      if (total >= max) return secondsUntilRoom(second);
      const slot = second % SLOTS;
      counts[slot] = (counts[slot] ?? 0) + 1;
      total += 1;
      return 0;
    },
    isOver(second) {
      return second - last >= SLOTS || total === 0;
    },
  };
}
