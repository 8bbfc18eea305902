import type { Accepted, Caller, Place } from '../exchange.ts';
import type { BodyBudget } from './body-budget.ts';
import type { EnterDeveloper } from './developers.ts';
import type { OverloadWatch } from './overload.ts';

export interface AdmissionParts {
  readonly overload: Pick<OverloadWatch, 'pass'>;
  readonly enterDeveloper: EnterDeveloper;
  readonly bodies: BodyBudget;
}

/** Gives a request its place, or throws CodedError `overloaded` or `rate_limited`. A place that was given has to be left. */
export type Admit = (caller: Caller, request: Accepted) => Place;

/** Decides whether the gateway takes on one more inference request. */
export function createAdmission({ overload, enterDeveloper, bodies }: AdmissionParts): Admit {
  return (caller, request) => {
    overload.pass();
    const leaveDeveloper = enterDeveloper(caller.sub);
    const room = bodies.open(caller.sid, request);
    return {
      room,
      leave() {
        room.close();
        leaveDeveloper();
      },
    };
  };
}
