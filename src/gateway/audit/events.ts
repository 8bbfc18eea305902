import type { AuditEventName } from '../exchange.ts';

/** What each audit event records. `docs/audit-events.md` and the `audit-event` schema are made from this table. */
export interface EventDescription {
  readonly when: string;
  readonly fields: Readonly<Record<string, FieldDescription>>;
  /** Belongs to a part that this version does not have: named for readers, recorded by nothing yet. */
  readonly isLater?: true;
}

export interface FieldDescription {
  readonly type: 'string' | 'integer' | 'number' | 'boolean';
  readonly meaning: string;
}

const text = (meaning: string): FieldDescription => ({ type: 'string', meaning });
const count = (meaning: string): FieldDescription => ({ type: 'integer', meaning });

const person = {
  sub: text("the developer's OIDC subject"),
  email: text('the address in the token, if it has one'),
};
const client = { client_ip: text("the client's address, after trusted proxies") };
const result = { result: text('`ok`, or what went wrong'), reason: text('why, when it was not `ok`') };

export const auditEvents: Readonly<Record<AuditEventName, EventDescription>> = {
  'config.load': {
    when: 'the configuration was read at boot',
    fields: { path: text('the file'), sha256: text('hexadecimal SHA-256 of the file') },
  },
  'config.reload': {
    when: 'SIGHUP had the configuration read again',
    fields: {
      path: text('the file'),
      sha256: text('hexadecimal SHA-256 of the file'),
      waiting: text('the changed sections that a restart only puts in force, separated by spaces'),
      ...result,
    },
  },
  'device.authorize': {
    when: 'a device asked for a code',
    fields: { ...client, surface: text('the client surface as it named itself'), ...result },
  },
  'device.verify': {
    when: 'a user code was submitted in a browser',
    fields: { ...client, ...result },
  },
  'device.callback': {
    when: 'the identity provider sent a browser back',
    fields: { ...client, sub: person.sub, ...result },
  },
  'session.mint': {
    when: 'a device redeemed an approved code',
    fields: { ...person, ...client, sid: text('the session'), ...result },
  },
  'session.refresh': {
    when: 'a session was renewed, or was not',
    fields: { ...person, ...client, sid: text('the session'), ...result },
  },
  'session.revoke': {
    when: 'a session was ended before its time',
    fields: {
      sub: person.sub,
      ...client,
      sid: text('the session'),
      reason: text('`signed_out`, `reuse_detected`, `admin` or `erased`'),
      actor: text('who did it, when it was not the developer'),
      count: count('how many sessions ended, when several did'),
    },
  },
  'auth.denied': {
    when: 'a bearer or an identity was rejected',
    fields: { reason: text('why'), ...client, path: text('the path asked for') },
  },
  'access.denied': {
    when: '`access_control` rejected an address',
    fields: {
      reason: text('`deny_cidr`, `not_in_allow_cidrs`, `xff_unparseable` or `client_ip_unknown`'),
      ...client,
      entry: text('the `X-Forwarded-For` entry that could not be read'),
    },
  },
  'access.public_client': {
    when: 'the first client with a public address came while `allow_cidrs` is empty; once per process',
    fields: client,
  },
  inference: {
    when: '`/v1/messages` or `/v1/messages/count_tokens` was answered',
    fields: {
      ...person,
      ...client,
      session_id: text("the client's own session id"),
      endpoint: text('`messages` or `count_tokens`'),
      model: text('the model the client asked for'),
      upstream: text('the upstream that answered; when none did, the last that was asked'),
      upstream_model: text('the id it was sent'),
      attempts: count('upstreams that were asked; 0 when the request ended before that'),
      status: count('HTTP status'),
      stream: { type: 'boolean', meaning: 'whether a streamed answer was asked for' },
      outcome: text('`complete`, `client_left`, `upstream_broke` or `refused`'),
      input_tokens: count('uncached input'),
      output_tokens: count('output'),
      cache_read_tokens: count('input read from the cache'),
      cache_write_tokens: count('input written to the cache'),
      cost_micros: count('cost in micro-dollars, once spend is metered'),
      billing_group: text('the billing group, if the token lists it'),
      request_class: text('the client hint of that name'),
      agent_type: text('the client hint of that name'),
      settings_mark: text('keyed hash of the settings checksum the client reported'),
      ttfb_ms: count('milliseconds to the first byte of the answer'),
      duration_ms: count('milliseconds to the last byte'),
      upstream_request_id: text("the upstream's request id"),
    },
  },
  'managed.serve': {
    when: '`/managed/settings` was answered',
    fields: { ...person, ...client, status: count('HTTP status'), checksum: text('of the settings served') },
  },
  'desktop_bootstrap.serve': {
    when: '`/user/bootstrap` was answered',
    fields: { ...person, ...client, status: count('HTTP status') },
  },
  'desktop_bootstrap.denied': {
    when: '`/user/bootstrap` has nothing for this developer',
    fields: {
      ...person,
      ...client,
      reason: text('`not_configured`, `policy_not_opted_in` or `no_policy_matched`'),
    },
  },
  'spend.blocked': {
    isLater: true,
    when: 'a cap stopped a request',
    fields: {
      ...person,
      ...client,
      period: text('of the cap'),
      limit_id: text('the cap'),
      reason: text('why'),
    },
  },
  'admin.denied': {
    isLater: true,
    when: 'an admin credential was rejected',
    fields: { ...client, method: text('HTTP method'), path: text('the path'), reason: text('why') },
  },
  'admin.limit.upsert': {
    isLater: true,
    when: 'a cap was set',
    fields: { ...client, actor: text('who'), limit_id: text('the cap') },
  },
  'admin.limit.delete': {
    isLater: true,
    when: 'a cap was deleted',
    fields: { ...client, actor: text('who'), limit_id: text('the cap') },
  },
  'admin.erase': {
    isLater: true,
    when: 'a person was erased',
    fields: { ...client, actor: text('who'), removed: count('rows removed') },
  },
  'upstream.cooldown': {
    when: 'an upstream is left alone for a while, or is back',
    fields: {
      upstream: text('its name'),
      state: text('`started` or `ended`'),
      seconds: count('how long it will be left alone, or how long it was'),
      reason: text('`answered_` and the status, `not_reached` or `trial_failed`'),
    },
  },
  'gateway.stop': {
    when: 'the last line of a process that ended in order',
    fields: {
      lines: count('audit lines written, this one included'),
      lost: count('lines of this stream that could not be written'),
    },
  },
};
