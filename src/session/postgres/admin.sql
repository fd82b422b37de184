-- What operators ask, and what a sweep drops.

CREATE FUNCTION unread_of(p_key text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT count(*) FROM inbox WHERE key = p_key);
END $$;

-- → key, record, unread | null
CREATE FUNCTION read(p_now bigint, p_mono bigint, p_token text, p_key text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  s session;
BEGIN
  SELECT * INTO s FROM session WHERE key = p_key;
  IF NOT FOUND OR NOT is_there(s) THEN RETURN NULL; END IF;
  RETURN json_build_array(s.key, s.body, unread_of(s.key));
END $$;

-- Sessions in the order of their keys; of a tenant, its range in each env. ";" is the character behind the separator ":".
CREATE FUNCTION list(
  p_now bigint, p_mono bigint, p_token text, p_tenant text, p_after text, p_limit integer
) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_found json[] := '{}';
  v_env text COLLATE "C" := '';
  v_from text COLLATE "C";
BEGIN
  IF p_tenant IS NULL THEN RETURN list_between(p_after, NULL, p_limit); END IF;
  LOOP
    EXIT WHEN cardinality(v_found) >= p_limit;
    SELECT split_part(key, ':', 1) INTO v_env FROM session WHERE key > v_env ORDER BY key LIMIT 1;
    EXIT WHEN NOT FOUND;
    v_from := v_env || ':' || p_tenant || ':';
    v_found := v_found || list_between(
      greatest(v_from, p_after COLLATE "C"), v_env || ':' || p_tenant || ';', p_limit - cardinality(v_found));
    v_env := v_env || ';';
  END LOOP;
  RETURN v_found;
END $$;

CREATE FUNCTION list_between(p_after text, p_before text, p_limit integer) RETURNS json[] LANGUAGE plpgsql AS $$
BEGIN
  IF p_before IS NULL THEN
    RETURN ARRAY (
      SELECT json_build_array(s.key, s.body, unread_of(s.key)) FROM session s WHERE s.key > p_after AND is_there(s)
      ORDER BY s.key LIMIT p_limit);
  END IF;
  RETURN ARRAY (
    SELECT json_build_array(s.key, s.body, unread_of(s.key)) FROM session s
    WHERE s.key > p_after AND s.key < p_before AND is_there(s) ORDER BY s.key LIMIT p_limit);
END $$;

-- → revision, at, turn; oldest first
CREATE FUNCTION read_journal(p_now bigint, p_mono bigint, p_token text, p_key text, p_limit integer) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_since bigint := wall(p_now) - JOURNAL_RETENTION_MS;
BEGIN
  RETURN ARRAY (
    SELECT json_build_array(revision, at_ms, body) FROM
      (SELECT * FROM journal WHERE key = p_key ORDER BY ord DESC LIMIT least(p_limit, JOURNAL_TURNS_MAX)) j
    WHERE at_ms > v_since ORDER BY ord);
END $$;

-- → index, activity; oldest first
CREATE FUNCTION read_log(
  p_now bigint, p_mono bigint, p_token text, p_conversation text, p_after bigint, p_limit integer, p_keep bigint
) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  c conversation;
BEGIN
  SELECT * INTO c FROM conversation WHERE key = p_conversation;
  IF NOT FOUND OR c.log_ms IS NULL OR is_log_over(c, v_now) THEN RETURN '{}'; END IF;
  RETURN ARRAY (
    SELECT json_build_array(idx, body) FROM log
    WHERE conversation = p_conversation AND idx > p_after AND idx >= c.log_next - LOG_ENTRIES_MAX
      -- `least` passes over what nobody said.
      AND (coalesce(c.log_keep_ms, p_keep) IS NULL OR at_ms > v_now - least(c.log_keep_ms, p_keep))
    ORDER BY idx LIMIT p_limit);
END $$;

-- → key, reason, died, order, received, body; newest first
CREATE FUNCTION list_dead(p_now bigint, p_mono bigint, p_token text, p_tenant text, p_limit integer) RETURNS json[] LANGUAGE plpgsql AS $$
BEGIN
  IF p_tenant IS NULL THEN
    RETURN ARRAY (
      SELECT json_build_array(key, reason, died_ms, ord, received_ms, body) FROM dead_letter ORDER BY ord DESC LIMIT p_limit);
  END IF;
  RETURN ARRAY (
    SELECT json_build_array(key, reason, died_ms, ord, received_ms, body) FROM dead_letter WHERE tenant = p_tenant
    ORDER BY ord DESC LIMIT p_limit);
END $$;

CREATE FUNCTION drop_dead(p_now bigint, p_mono bigint, p_token text, p_ord bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM be_alone(p_token);
  IF is_told(p_token) THEN RETURN true; END IF;
  DELETE FROM dead_letter WHERE ord = p_ord;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM tell(p_token, wall(p_now));
  RETURN true;
END $$;

CREATE FUNCTION redrive(p_now bigint, p_mono bigint, p_token text, p_ord bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  l dead_letter;
  s session;
  v_ord bigint;
BEGIN
  PERFORM be_alone(p_token);
  IF is_told(p_token) THEN RETURN true; END IF;
  SELECT * INTO l FROM dead_letter WHERE ord = p_ord;
  IF NOT FOUND THEN RETURN false; END IF;
  s := lock_session(l.key);
  DELETE FROM dead_letter WHERE ord = p_ord;
  IF NOT FOUND THEN
    IF s.fence IS NULL AND NOT is_there(s) THEN DELETE FROM session WHERE key = s.key; END IF;
    RETURN false;
  END IF;
  v_ord := nextval('orders');
  INSERT INTO inbox (key, ord, dedupe, is_forgotten, received_ms, body)
  VALUES (l.key, v_ord, l.dedupe, false, l.received_ms, l.body);
  UPDATE session SET run_ord = coalesce(run_ord, v_ord) WHERE key = l.key;
  PERFORM tell(p_token, wall(p_now));
  RETURN true;
END $$;

CREATE FUNCTION end_session(p_now bigint, p_mono bigint, p_token text, p_key text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  s session;
BEGIN
  PERFORM be_alone(p_token);
  IF is_told(p_token) THEN RETURN true; END IF;
  SELECT * INTO s FROM session WHERE key = p_key FOR UPDATE;
  IF NOT FOUND OR NOT is_there(s) THEN RETURN false; END IF;
  PERFORM forget(p_key);
  PERFORM tell(p_token, wall(p_now));
  RETURN true;
END $$;

-- → 0 | milliseconds to wait
CREATE FUNCTION take_tokens(
  p_now bigint, p_mono bigint, p_token text, p_name text, p_capacity double precision, p_rate double precision, p_tokens double precision
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_mono bigint := wall(p_mono);
  b bucket;
BEGIN
  LOOP
    SELECT * INTO b FROM bucket WHERE name = p_name FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO bucket (name, level, at_ms, full_ms) VALUES (p_name, p_capacity, v_mono, v_mono) ON CONFLICT DO NOTHING;
  END LOOP;
  b.level := least(p_capacity, b.level + greatest(0, v_mono - b.at_ms) * p_rate / 1000);
  IF b.level >= p_tokens THEN
    UPDATE bucket SET level = b.level - p_tokens, at_ms = v_mono,
      full_ms = v_mono + least(1e12, ceil((p_capacity - b.level + p_tokens) * 1000 / p_rate))::bigint
    WHERE name = p_name;
    RETURN 0;
  END IF;
  -- Nothing is written: what has flowed in since is counted again the next time.
  RETURN greatest(1, ceil((p_tokens - b.level) * 1000 / p_rate))::bigint;
END $$;

-- → unread, oldest, queued or being sent, oldest, unknown, failed, dead letters, sessions with a record. Of very many sessions the
-- server's own estimate is enough.
CREATE FUNCTION stats(p_now bigint, p_mono bigint, p_token text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_estimate bigint := (SELECT reltuples FROM pg_class WHERE oid = 'session'::regclass);
BEGIN
  RETURN json_build_array(
    (SELECT count(*) FROM inbox),
    (SELECT received_ms FROM inbox ORDER BY ord LIMIT 1),
    (SELECT count(*) FROM outbox WHERE status <> 2 AND status IN (0, 1)),
    (SELECT min(created_ms) FROM (
      (SELECT ord, created_ms FROM outbox WHERE status <> 2 AND status = 0 ORDER BY ord LIMIT 1)
      UNION ALL (SELECT ord, created_ms FROM outbox WHERE status <> 2 AND status = 1 ORDER BY ord LIMIT 1)) o),
    (SELECT count(*) FROM outbox WHERE status <> 2 AND status = 4),
    (SELECT count(*) FROM outbox WHERE status <> 2 AND status = 3),
    (SELECT count(*) FROM dead_letter),
    CASE WHEN v_estimate > STATS_EXACT_MAX THEN v_estimate ELSE (SELECT count(*) FROM session WHERE body IS NOT NULL) END);
END $$;

-- What some sessions take, behind a key. → where to go on or null, bytes
CREATE FUNCTION stored_bytes(
  p_now bigint, p_mono bigint, p_token text, p_after text, p_before text, p_limit integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_last text COLLATE "C";
  v_count integer;
  v_bytes bigint;
BEGIN
  SELECT max(key), count(*), coalesce(sum(octet_length(body::text)), 0) INTO v_last, v_count, v_bytes
  FROM (SELECT key, body FROM session WHERE key > p_after AND key < p_before ORDER BY key LIMIT p_limit) s;
  v_bytes := v_bytes + (
    SELECT coalesce(sum(octet_length(name) + octet_length(value::text)), 0) FROM state WHERE key > p_after AND key <= v_last);
  RETURN json_build_array(CASE WHEN v_count < p_limit THEN NULL ELSE v_last END, v_bytes);
END $$;

CREATE FUNCTION drop_expired(p_now bigint, p_mono bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s session;
  c conversation;
BEGIN
  DELETE FROM delivery WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM delivery WHERE expires_ms <= p_now ORDER BY expires_ms LIMIT DROP_MAX FOR UPDATE SKIP LOCKED));
  DELETE FROM outbox WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM outbox WHERE status = 2 AND ended_ms <= p_now - SENT_RETENTION_MS ORDER BY ended_ms LIMIT DROP_MAX
    FOR UPDATE SKIP LOCKED));
  DELETE FROM journal WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM journal WHERE at_ms <= p_now - JOURNAL_RETENTION_MS ORDER BY at_ms LIMIT DROP_MAX FOR UPDATE SKIP LOCKED));
  DELETE FROM told WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM told WHERE at_ms <= p_now - 60000 ORDER BY at_ms LIMIT DROP_MAX FOR UPDATE SKIP LOCKED));
  FOR s IN
    SELECT * FROM session WHERE expires_ms <= p_now AND run_ord IS NULL AND (fence IS NULL OR is_over(until_ms, since_ms, p_mono))
    ORDER BY expires_ms LIMIT DUE_MAX FOR UPDATE SKIP LOCKED
  LOOP
    PERFORM forget(s.key);
  END LOOP;
  FOR c IN
    SELECT * FROM conversation
    WHERE touched_hour <= (p_now - LOG_RETENTION_MS) / 3600000 AND head IS NULL AND claim_ord IS NULL
      AND (log_ms IS NULL OR log_ms <= p_now - log_stays(log_keep_ms))
    ORDER BY touched_hour LIMIT DUE_MAX FOR UPDATE SKIP LOCKED
  LOOP
    DELETE FROM log WHERE conversation = c.key;
    DELETE FROM conversation WHERE key = c.key;
  END LOOP;
  FOR c IN
    SELECT * FROM conversation WHERE log_due_ms <= p_now ORDER BY log_due_ms LIMIT LOGS_MAX FOR UPDATE SKIP LOCKED
  LOOP
    DELETE FROM log WHERE conversation = c.key AND at_ms <= p_now - c.log_keep_ms;
    UPDATE conversation SET log_due_ms = (SELECT min(at_ms) FROM log WHERE conversation = c.key) + c.log_keep_ms WHERE key = c.key;
  END LOOP;
  -- Once a minute is often enough: full buckets are as good as none.
  IF (p_now / 1000) % 60 = 0 THEN
    DELETE FROM bucket WHERE ctid = ANY (ARRAY (SELECT ctid FROM bucket WHERE full_ms < p_mono LIMIT DROP_MAX FOR UPDATE SKIP LOCKED));
  END IF;
END $$;

-- → sessions, whether sends are ready, next timer
CREATE FUNCTION sweep(p_now bigint, p_mono bigint, p_token text, p_limit integer) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_keys text[];
BEGIN
  PERFORM drop_expired(v_now, v_mono);
  -- Where more wait than there is room for, one tenant's crowd takes half of it while others wait behind.
  v_keys := ARRAY (
    SELECT key FROM (
      SELECT key, run_ord, row_number() OVER (PARTITION BY split_part(key, ':', 2) ORDER BY run_ord) AS place FROM (
        SELECT key, run_ord FROM session WHERE run_ord IS NOT NULL AND (fence IS NULL OR is_over(until_ms, since_ms, v_mono))
        ORDER BY run_ord LIMIT p_limit * LOOK_BEHIND) w) p
    ORDER BY place > p_limit / 2, run_ord LIMIT p_limit);
  v_keys := v_keys || ARRAY (
    SELECT key FROM (
      SELECT t.key, t.due_ms FROM timer t JOIN session x ON x.key = t.key
      WHERE t.due_ms <= v_now AND x.run_ord IS NULL AND (x.fence IS NULL OR is_over(x.until_ms, x.since_ms, v_mono))
      ORDER BY t.due_ms LIMIT p_limit) d
    GROUP BY key ORDER BY min(due_ms));
  RETURN json_build_array(
    v_keys[1 : p_limit],
    EXISTS (SELECT 1 FROM conversation WHERE head IS NOT NULL AND rest_ms <= v_now AND claim_until_ms IS NULL)
      OR EXISTS (SELECT 1 FROM conversation WHERE claim_until_ms <= v_mono),
    (SELECT due_ms FROM timer WHERE due_ms > v_now ORDER BY due_ms LIMIT 1));
END $$;
