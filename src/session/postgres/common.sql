-- The library of the PostgreSQL store: each function is one operation of `SessionStore`, called as one statement and so a transaction
-- of its own, which happens as a whole or not at all.
--
-- Locks are taken in one order: session, conversation, delivery, rows of the outbox; what looks for work skips what is locked. So
-- no two operations wait for each other. A request knows itself by its token: asked again after its answer was lost, it is told
-- what it would have been told.
--
-- Every function's first arguments: now, monotonic (null each: the server's clock) and the request's token.

CREATE FUNCTION wall(p_ms bigint) RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT coalesce(p_ms, floor(date_part('epoch', clock_timestamp()) * 1000)::bigint) $$;

-- Whether something is held from a time on that is yet to come: the clock was set back, and it must not stay so for as long.
CREATE FUNCTION is_over(p_until bigint, p_since bigint, p_mono bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT p_until <= p_mono OR p_since > p_mono + 5000 $$;

CREATE FUNCTION conversation_of(p_key text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT left(p_key, -1 - length(split_part(p_key, ':', -1))) $$;

CREATE FUNCTION channel_of(p_key text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT split_part(p_key, ':', 1) || ':' || split_part(p_key, ':', 2) || ':' || split_part(p_key, ':', 3) || ':' || split_part(p_key, ':', 4) $$;

CREATE FUNCTION tenant_of(p_key text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT split_part(p_key, ':', 2) $$;

-- Makes the twin of a request wait whose connection broke while it was under way.
CREATE FUNCTION be_alone(p_token text) RETURNS void LANGUAGE sql VOLATILE AS
$$ SELECT pg_advisory_xact_lock(hashtextextended(p_token, 0)) $$;

CREATE FUNCTION is_told(p_token text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM told WHERE token = p_token);
END $$;

CREATE FUNCTION tell(p_token text, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO told (token, at_ms) VALUES (p_token, p_now) ON CONFLICT DO NOTHING;
END $$;

-- Called on each new connection: numbers are never behind the clock, so that they rise even after a loss of data (a server that
-- took over, one that doesn't flush). One is drawn for at least eight microseconds.
CREATE FUNCTION ready() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_floor bigint := floor(date_part('epoch', clock_timestamp()) * 125000)::bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('orders of ' || current_schema(), 0));
  IF (SELECT last_value FROM orders) < v_floor THEN PERFORM setval('orders', v_floor); END IF;
  RETURN (SELECT version FROM meta);
END $$;

-- Locks a session's row, which is made where it is missing.
CREATE FUNCTION lock_session(p_key text) RETURNS session LANGUAGE plpgsql AS $$
DECLARE
  s session;
BEGIN
  LOOP
    SELECT * INTO s FROM session WHERE key = p_key FOR UPDATE;
    IF FOUND THEN RETURN s; END IF;
    INSERT INTO session (key) VALUES (p_key) ON CONFLICT DO NOTHING;
  END LOOP;
END $$;

CREATE FUNCTION lock_conversation(p_key text, p_now bigint) RETURNS conversation LANGUAGE plpgsql AS $$
DECLARE
  c conversation;
BEGIN
  LOOP
    SELECT * INTO c FROM conversation WHERE key = p_key FOR UPDATE;
    IF FOUND THEN RETURN c; END IF;
    INSERT INTO conversation (key, touched_hour) VALUES (p_key, p_now / 3600000) ON CONFLICT DO NOTHING;
  END LOOP;
END $$;

CREATE FUNCTION has_due_timer(p_key text, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM timer WHERE key = p_key AND due_ms <= p_now);
END $$;

-- key, fence, record, unread, due timers, state, steps, attempt
CREATE FUNCTION carry(s session, p_now bigint) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN json_build_array(
    s.key, s.fence, s.body,
    (SELECT json_agg(json_build_array(ord, is_forgotten, received_ms, body) ORDER BY ord)
     FROM (SELECT * FROM inbox WHERE key = s.key ORDER BY ord LIMIT LEASE_INBOX_MAX) i),
    (SELECT json_agg(json_build_array(once, due_ms, payload)) FROM timer WHERE key = s.key AND due_ms <= p_now),
    (SELECT json_agg(json_build_array(name, value)) FROM state WHERE key = s.key),
    (SELECT json_agg(body) FROM step WHERE key = s.key),
    s.attempt);
END $$;

-- Hands a session that the caller has locked to a worker, whoever held it before.
CREATE FUNCTION hand_over(s session, p_mono bigint, p_token text, p_ttl bigint) RETURNS session LANGUAGE plpgsql AS $$
BEGIN
  -- Whoever held it neither committed nor gave it back.
  IF s.fence IS NOT NULL THEN s.attempt := s.attempt + 1; END IF;
  s.fence := nextval('orders');
  s.holder := p_token;
  s.since_ms := p_mono;
  s.ttl_ms := p_ttl;
  s.until_ms := p_mono + p_ttl;
  s.log_index := NULL;
  IF s.run_ord IS NOT NULL THEN s.run_ord := s.fence; END IF;
  RETURN s;
END $$;

CREATE FUNCTION grant_lease(s session, p_mono bigint, p_token text, p_ttl bigint) RETURNS session LANGUAGE plpgsql AS $$
BEGIN
  s := hand_over(s, p_mono, p_token, p_ttl);
  UPDATE session SET fence = s.fence, holder = s.holder, since_ms = s.since_ms, ttl_ms = s.ttl_ms, until_ms = s.until_ms,
    log_index = NULL, attempt = s.attempt, run_ord = s.run_ord
  WHERE key = s.key;
  RETURN s;
END $$;

-- How long a log, or its count alone, stays after its last entry.
CREATE FUNCTION log_stays(p_keep bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT greatest(LOG_RETENTION_MS, coalesce(p_keep, 0)) $$;

CREATE FUNCTION is_log_over(c conversation, p_now bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT c.log_ms + log_stays(c.log_keep_ms) <= p_now $$;

-- Appends entries to a log whose conversation the caller has locked; returns the first one's index. `p_keep`: how long each entry is
-- kept from now on, null where nobody says.
CREATE FUNCTION append_log(c conversation, p_now bigint, p_entries json[], p_keep bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_first integer := c.log_next;
  v_next integer;
BEGIN
  IF is_log_over(c, p_now) THEN
    DELETE FROM log WHERE conversation = c.key;
    v_first := 0;
  END IF;
  INSERT INTO log (conversation, idx, body, at_ms)
  SELECT c.key, v_first + n - 1, entry, p_now FROM unnest(p_entries) WITH ORDINALITY AS e (entry, n);
  v_next := v_first + cardinality(p_entries);
  -- Reading hides what is yet to be trimmed.
  IF v_next / 64 > v_first / 64 THEN DELETE FROM log WHERE conversation = c.key AND idx < v_next - LOG_ENTRIES_MAX; END IF;
  -- A log that is kept longer than others counts as touched later.
  UPDATE conversation SET log_next = v_next, log_ms = p_now, log_keep_ms = p_keep,
    log_due_ms = CASE
      WHEN p_keep IS NULL THEN NULL
      WHEN log_due_ms IS NOT NULL AND log_keep_ms = p_keep THEN log_due_ms
      ELSE (SELECT min(at_ms) FROM log WHERE conversation = c.key) + p_keep END,
    touched_hour = (p_now + log_stays(p_keep) - LOG_RETENTION_MS) / 3600000
  WHERE key = c.key;
  RETURN v_first;
END $$;

CREATE FUNCTION is_there(s session) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN s.body IS NOT NULL OR s.run_ord IS NOT NULL OR EXISTS (SELECT 1 FROM timer WHERE key = s.key);
END $$;

-- Drops a session that the caller has locked, with all that is only its own.
CREATE FUNCTION forget(p_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM inbox WHERE key = p_key;
  DELETE FROM state WHERE key = p_key;
  DELETE FROM timer WHERE key = p_key;
  DELETE FROM step WHERE key = p_key;
  DELETE FROM session WHERE key = p_key;
END $$;
