-- Version 1 of a store's tables. Never changed once released: what comes later is a step of its own.
--
-- Keys are compared by their bytes ("C"), so that a tenant's lie in one range. Bodies are `json`: kept as they came, letter by letter,
-- and handed on inside an answer without being read. Times are milliseconds.

-- Fences and orders: greater than all before. Each new connection sets it no lower than the clock.
CREATE SEQUENCE orders AS bigint;

CREATE TABLE session (
  key text COLLATE "C" PRIMARY KEY,
  body json,
  -- The lease: fence, who asked for it, until when, since when, for how long; and how often a turn was begun in vain.
  fence bigint, holder text, until_ms bigint, since_ms bigint, ttl_ms bigint, attempt integer NOT NULL DEFAULT 0,
  -- The log's index of a delivery that isn't remembered; the request that committed last.
  log_index integer, committed text,
  expires_ms bigint,
  -- Its place among those that have unread messages.
  run_ord bigint
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX session_run ON session (run_ord) WHERE run_ord IS NOT NULL;
CREATE INDEX session_expires ON session (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE inbox (
  key text COLLATE "C" NOT NULL, ord bigint NOT NULL, dedupe text COLLATE "C" NOT NULL, is_forgotten boolean NOT NULL,
  received_ms bigint NOT NULL, body json NOT NULL,
  PRIMARY KEY (key, ord)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX inbox_ord ON inbox (ord);

CREATE TABLE delivery (
  channel text COLLATE "C" NOT NULL, dedupe text COLLATE "C" NOT NULL, expires_ms bigint NOT NULL, ord bigint NOT NULL,
  log_index integer, token text NOT NULL, key text COLLATE "C", answer json,
  PRIMARY KEY (channel, dedupe)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX delivery_expires ON delivery (expires_ms);

CREATE TABLE state (
  key text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, value json NOT NULL,
  PRIMARY KEY (key, name)
) WITH (fillfactor = 80);

CREATE TABLE timer (
  key text COLLATE "C" NOT NULL, once text COLLATE "C" NOT NULL, due_ms bigint NOT NULL, payload json NOT NULL,
  PRIMARY KEY (key, once)
);
CREATE INDEX timer_due ON timer (due_ms);

CREATE TABLE step (
  key text COLLATE "C" NOT NULL, turn bigint NOT NULL, seq bigint NOT NULL, body json NOT NULL,
  PRIMARY KEY (key, turn, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE journal (
  key text COLLATE "C" NOT NULL, ord bigint NOT NULL, revision bigint NOT NULL, at_ms bigint NOT NULL, body json NOT NULL,
  PRIMARY KEY (key, ord)
);
CREATE INDEX journal_at ON journal (at_ms);

-- What members of a conversation share: its log's end and its lane in the outbox. `head` is the lane's first row, which alone may
-- leave, and not before `rest_ms`; the claim on it is 0 taken, 1 begun, 2 on a row that was erased meanwhile.
CREATE TABLE conversation (
  key text COLLATE "C" PRIMARY KEY,
  log_next integer NOT NULL DEFAULT 0, log_ms bigint, touched_hour integer NOT NULL,
  head bigint, rest_ms bigint NOT NULL DEFAULT 0,
  claim_ord bigint, claim_sender text, claim_attempts integer, claim_state smallint, claim_token text, begin_token text,
  claim_until_ms bigint, claim_since_ms bigint
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX conversation_ready ON conversation (rest_ms, head) WHERE head IS NOT NULL;
CREATE INDEX conversation_claimed ON conversation (claim_until_ms) WHERE claim_until_ms IS NOT NULL;
CREATE INDEX conversation_touched ON conversation (touched_hour);

CREATE TABLE log (
  conversation text COLLATE "C" NOT NULL, idx integer NOT NULL, body json NOT NULL,
  PRIMARY KEY (conversation, idx)
);

-- Status: 0 queued, 1 sending, 2 sent, 3 failed, 4 unknown, 5 abandoned.
CREATE TABLE outbox (
  ord bigint PRIMARY KEY, id text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, conversation text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL, status smallint NOT NULL, attempts integer NOT NULL, was_unknown boolean NOT NULL,
  rest_ms bigint NOT NULL, created_ms bigint NOT NULL, ended_ms bigint, error text, receipt text, end_token text, body json NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX outbox_pending ON outbox (id) WHERE status IN (0, 1, 4);
CREATE INDEX outbox_given_up ON outbox (id) WHERE status IN (3, 5);
CREATE INDEX outbox_lane ON outbox (conversation, ord) WHERE status IN (0, 1, 4);
CREATE INDEX outbox_tenant ON outbox (tenant, ord);
CREATE INDEX outbox_status ON outbox (status, ord) WHERE status <> 2;
CREATE INDEX outbox_sent ON outbox (ended_ms) WHERE status = 2;

CREATE TABLE dead_letter (
  ord bigint PRIMARY KEY, key text COLLATE "C" NOT NULL, tenant text COLLATE "C" NOT NULL, reason text NOT NULL, died_ms bigint NOT NULL,
  dedupe text COLLATE "C" NOT NULL, received_ms bigint NOT NULL, body json NOT NULL
);
CREATE INDEX dead_letter_tenant ON dead_letter (tenant, ord);

-- What a repeated request is told that left nothing else behind to know it by.
CREATE TABLE told (token text PRIMARY KEY, at_ms bigint NOT NULL);
CREATE INDEX told_at ON told (at_ms);

-- Paces, not records: they need not outlive the server, and cost no flush.
CREATE UNLOGGED TABLE bucket (
  name text COLLATE "C" PRIMARY KEY, level double precision NOT NULL, at_ms bigint NOT NULL, full_ms bigint NOT NULL
) WITH (fillfactor = 50);

-- Files: what is kept under a digest, for whom, and its pieces under a name of chance, so that what is dropped is never somebody's else.
CREATE TABLE blob (
  scope text COLLATE "C" NOT NULL, digest text COLLATE "C" NOT NULL, upload text NOT NULL, size_bytes bigint NOT NULL, chunks integer NOT NULL,
  PRIMARY KEY (scope, digest)
);
CREATE TABLE blob_owner (
  scope text COLLATE "C" NOT NULL, digest text COLLATE "C" NOT NULL, owner text COLLATE "C" NOT NULL, until_ms bigint NOT NULL,
  PRIMARY KEY (scope, digest, owner)
);
CREATE INDEX blob_owner_until ON blob_owner (until_ms);
CREATE TABLE blob_chunk (upload text COLLATE "C" NOT NULL, n integer NOT NULL, body bytea NOT NULL, PRIMARY KEY (upload, n));
ALTER TABLE blob_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
-- Uploads that aren't named yet.
CREATE TABLE blob_upload (upload text COLLATE "C" PRIMARY KEY, at_ms bigint NOT NULL);
CREATE INDEX blob_upload_at ON blob_upload (at_ms);
