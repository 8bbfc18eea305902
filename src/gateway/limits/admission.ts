import type { Accepted, Caller, Place } from '../exchange.ts';
import type { BodyBudget } from './body-budget.ts';
import type { EnterDeveloper } from './developers.ts';
import type { OverloadWatch } from './overload.ts';

export interface AdmissionParts {
  /** Throws CodedError `audit_unavailable` when a request is not to be served without being recorded. */
  readonly auditTrail: { pass(): void };
  readonly overload: Pick<OverloadWatch, 'pass'>;
  readonly enterDeveloper: EnterDeveloper;
  readonly bodies: BodyBudget;
}

/** Gives a request its place, or throws CodedError `audit_unavailable`, `overloaded` or `rate_limited`. A place that was given has to be left. */
export type Admit = (caller: Caller, request: Accepted) => Place;

/** Decides whether the gateway takes on one more inference request. */
export function createAdmission({ auditTrail, overload, enterDeveloper, bodies }: AdmissionParts): Admit {
  return (caller, request) => {
    auditTrail.pass();
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
