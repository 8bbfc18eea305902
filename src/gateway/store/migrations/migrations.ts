export interface Migration {
  readonly id: number;
  readonly name: string;
  /** Statements, in order. They add: the release before must be able to work on what this one has made. */
  readonly statements: readonly string[];
  /**
   * Of a migration that takes something away: the newest migration that a release must know to work on what is left, and the
   * first release that knows it. Older ones refuse to start.
   */
  readonly needs?: { readonly id: number; readonly release: string };
}

/** Every change to the tables there has ever been. Never edit one that has been released; append. */
export const migrations: readonly Migration[] = [
  {
    id: 1,
    name: 'kv: device grants and rate counters',
    statements: [
      `create table kv (
        key text primary key,
        value jsonb not null,
        version integer not null default 1,
        expires_at bigint not null
      )`,
      'create index kv_expires_at on kv (expires_at)',
    ],
  },
  {
    id: 2,
    name: 'sessions and revocations',
    statements: [
      `create table sessions (
        sid text primary key,
        sub text not null,
        client text,
        created_at bigint not null,
        renewed_at bigint not null,
        last_seen_at bigint not null,
        expires_at bigint not null,
        revoked_at bigint,
        refresh_number integer not null default 0
      )`,
      'create index sessions_sub on sessions (sub)',
      'create index sessions_created_at on sessions (created_at, sid)',
      'create index sessions_expires_at on sessions (expires_at)',
      `create table revocations (
        id bigint generated always as identity primary key,
        scope text not null,
        value text,
        since_at bigint not null,
        until_at bigint not null,
        tx bigint not null default txid_current()
      )`,
      'create index revocations_tx on revocations (tx)',
      'create index revocations_until_at on revocations (until_at)',
    ],
  },
  {
    id: 3,
    name: 'what a release must know to use these tables',
    statements: ['alter table _migrations add column needs_id integer, add column needs_release text'],
  },
];
