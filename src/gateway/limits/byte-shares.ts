export interface ByteSharesOptions {
  /** What all claims may hold together. */
  readonly maxBytes: number;
  /** What the claims of one owner may hold together. A larger claim has to be the only one of its owner. */
  readonly shareBytes: number;
}

/** Bytes that one request holds; none at first. */
export interface Claim {
  bytes(): number;
  /** Makes the claim this large. False, and nothing done, when others have to give back first. */
  resize(bytes: number): boolean;
  /** Stands in line to be made this large; `granted` is called when it is. One wish at a time. */
  wait(bytes: number, granted: () => void): void;
  /** Leaves the line; what it holds already stays. */
  stopWaiting(): void;
  /** Whether what it waits for is its owner's share, not room for all. */
  isKeptOutByShare(): boolean;
  /** Gives everything back, and leaves the line. */
  close(): void;
}

export interface ByteShares {
  open(owner: string): Claim;
  readonly heldBytes: number;
}

interface Owner {
  claims: number;
  heldBytes: number;
  /** Claims without anything yet, in the order they came. */
  readonly line: Set<Wish>;
}

interface Wish {
  readonly owner: Owner;
  readonly hasBytes: number;
  readonly moreBytes: number;
  grant(): void;
}

/**
 * Shares out a number of bytes. While nobody waits, what fits is had at once. Otherwise claims that have something already
 * come first (only they can end and give it back), then the owners in turn, one claim each: the many claims of one owner do
 * not stand before the one of another. A claim that its owner's share keeps out is passed over; one that is too large
 * for the room there is keeps its turn, so that it is not overtaken for ever.
 */
export function createByteShares({ maxBytes, shareBytes }: ByteSharesOptions): ByteShares {
  const owners = new Map<string, Owner>();
  const growing = new Set<Wish>();
  /** Owners with a line, the one whose turn it is first. */
  const turns = new Set<Owner>();
  let heldBytes = 0;

  const isInShare = (owner: Owner, hasBytes: number, moreBytes: number): boolean =>
    owner.heldBytes === hasBytes || owner.heldBytes + moreBytes <= shareBytes;

  const fits = (moreBytes: number): boolean => heldBytes + moreBytes <= maxBytes;

  const standInLine = (wish: Wish): void => {
    if (wish.hasBytes > 0) {
      growing.add(wish);
    } else {
      wish.owner.line.add(wish);
      turns.add(wish.owner);
    }
  };

  const leaveLine = (wish: Wish): void => {
    const { owner } = wish;
    growing.delete(wish);
    if (owner.line.delete(wish) && owner.line.size === 0) turns.delete(owner);
  };

  /** A claim that the share keeps out does not stand before a smaller one of the same owner. */
  const firstInShare = (owner: Owner): Wish | undefined => {
    for (const wish of owner.line) if (isInShare(owner, wish.hasBytes, wish.moreBytes)) return wish;
    return undefined;
  };

  const serve = (): void => {
    for (const wish of growing) {
      if (!isInShare(wish.owner, wish.hasBytes, wish.moreBytes)) continue;
      if (!fits(wish.moreBytes)) return;
      leaveLine(wish);
      wish.grant();
    }
    // An owner that goes to the end while this runs has its next turn in the same run.
    for (const owner of turns) {
      const wish = firstInShare(owner);
      if (!wish) continue;
      if (!fits(wish.moreBytes)) return;
      turns.delete(owner);
      owner.line.delete(wish);
      if (owner.line.size > 0) turns.add(owner);
      wish.grant();
    }
  };

  const ownerNamed = (name: string): Owner => {
    const known = owners.get(name);
    if (known) return known;
    const owner: Owner = { claims: 0, heldBytes: 0, line: new Set() };
    owners.set(name, owner);
    return owner;
  };

  const open = (name: string): Claim => {
    const owner = ownerNamed(name);
    owner.claims += 1;
    let bytes = 0;
    let wish: Wish | undefined;

    const add = (moreBytes: number): void => {
      bytes += moreBytes;
      owner.heldBytes += moreBytes;
      heldBytes += moreBytes;
    };

    return {
      bytes() {
        return bytes;
      },
      isKeptOutByShare() {
        return wish !== undefined && !isInShare(owner, wish.hasBytes, wish.moreBytes);
      },
      resize(wanted) {
        const moreBytes = wanted - bytes;
        const mayGrow = () => turns.size === 0 && growing.size === 0 && isInShare(owner, bytes, moreBytes);
        if (moreBytes > 0 && !(mayGrow() && fits(moreBytes))) return false;
        add(moreBytes);
        if (moreBytes < 0) serve();
        return true;
      },
      wait(wanted, granted) {
        const moreBytes = wanted - bytes;
        wish = {
          owner,
          hasBytes: bytes,
          moreBytes,
          grant() {
            wish = undefined;
            add(moreBytes);
            granted();
          },
        };
        standInLine(wish);
        serve();
      },
      stopWaiting() {
        if (!wish) return;
        leaveLine(wish);
        wish = undefined;
        serve();
      },
      close() {
        if (wish) leaveLine(wish);
        wish = undefined;
        add(-bytes);
        owner.claims -= 1;
        if (owner.claims === 0) owners.delete(name);
        serve();
      },
    };
  };

  return {
    open,
    get heldBytes() {
      return heldBytes;
    },
  };
}
