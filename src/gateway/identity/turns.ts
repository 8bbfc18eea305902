export type InTurn = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** Work of one name runs one after the other, in the order it came; work of different names side by side. */
export function createTurns(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    last.set(name, mine);
    const forget = () => {
      if (last.get(name) === mine) last.delete(name);
    };
    mine.then(forget, forget);
    return mine;
  };
}
