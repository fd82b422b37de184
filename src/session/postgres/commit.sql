-- Commits: everything that one turn changes, or nothing.

-- `p_dead` and `p_answers` are pairs of an order and a text or value; `p_state` pairs, or a name alone that is deleted.
-- → "ok"[, lease] | "fence" | "unread", order | "row", id
CREATE FUNCTION commit(
  p_now bigint, p_mono bigint, p_token text, p_key text, p_fence bigint, p_keep boolean, p_body json, p_expires bigint,
  p_revision bigint, p_journal json, p_consumed bigint[], p_dead json[], p_answers json[], p_state json[], p_done text[],
  p_timers json[], p_rows json[], p_log json[]
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_gone bigint[] := p_consumed;
  s session;
  c conversation;
  x json;
  v_text text;
  v_ord bigint;
  v_head bigint;
  v_has_timers boolean;
BEGIN
  SELECT * INTO s FROM session WHERE key = p_key FOR UPDATE;
  IF FOUND AND s.committed = p_token THEN
    IF p_keep AND s.fence = p_fence THEN RETURN json_build_array('ok', carry(s, v_now)); END IF;
    RETURN json_build_array('ok');
  END IF;
  IF s.fence IS DISTINCT FROM p_fence THEN
    IF is_told(p_token) THEN RETURN json_build_array('ok'); END IF;
    RETURN json_build_array('fence');
  END IF;

  -- What can refuse, before anything changes.
  FOREACH x IN ARRAY p_dead LOOP v_gone := v_gone || (x ->> 0)::bigint; END LOOP;
  FOREACH v_ord IN ARRAY v_gone LOOP
    IF NOT EXISTS (SELECT 1 FROM inbox WHERE key = p_key AND ord = v_ord) THEN RETURN json_build_array('unread', v_ord); END IF;
  END LOOP;
  FOREACH x IN ARRAY p_answers LOOP
    IF NOT EXISTS (SELECT 1 FROM inbox WHERE key = p_key AND ord = (x ->> 0)::bigint) THEN
      RETURN json_build_array('unread', x -> 0);
    END IF;
  END LOOP;
  IF cardinality(p_rows) > 0 THEN
    SELECT r ->> 'id' INTO v_text FROM unnest(p_rows) AS r GROUP BY r ->> 'id' HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN RETURN json_build_array('row', v_text); END IF;
    FOREACH x IN ARRAY p_rows LOOP
      IF EXISTS (SELECT 1 FROM outbox WHERE id = x ->> 'id' AND status IN (0, 1, 4)) THEN
        RETURN json_build_array('row', x -> 'id');
      END IF;
    END LOOP;
  END IF;

  IF cardinality(p_rows) > 0 OR cardinality(p_log) > 0 THEN
    c := lock_conversation(conversation_of(p_key), v_now);
  END IF;
  FOREACH x IN ARRAY p_answers LOOP
    SELECT dedupe INTO v_text FROM inbox WHERE key = p_key AND ord = (x ->> 0)::bigint;
    UPDATE delivery SET answer = x -> 1
    WHERE channel = channel_of(p_key) AND dedupe = v_text AND ord = (x ->> 0)::bigint AND expires_ms > v_now;
  END LOOP;
  FOREACH x IN ARRAY p_dead LOOP
    INSERT INTO dead_letter (ord, key, tenant, reason, died_ms, dedupe, received_ms, body)
    SELECT ord, key, tenant_of(key), x ->> 1, v_now, dedupe, received_ms, body FROM inbox
    WHERE key = p_key AND ord = (x ->> 0)::bigint
    ON CONFLICT DO NOTHING;
  END LOOP;
  IF cardinality(v_gone) > 0 THEN DELETE FROM inbox WHERE key = p_key AND ord = ANY (v_gone); END IF;
  DELETE FROM step WHERE key = p_key;
  IF p_body IS NULL THEN
    DELETE FROM state WHERE key = p_key;
    DELETE FROM timer WHERE key = p_key;
  ELSE
    FOREACH x IN ARRAY p_state LOOP
      IF json_array_length(x) = 1 THEN
        DELETE FROM state WHERE key = p_key AND name = x ->> 0;
      ELSE
        INSERT INTO state (key, name, value) VALUES (p_key, x ->> 0, x -> 1)
        ON CONFLICT (key, name) DO UPDATE SET value = excluded.value;
      END IF;
    END LOOP;
  END IF;
  IF cardinality(p_done) > 0 THEN DELETE FROM timer WHERE key = p_key AND once = ANY (p_done); END IF;
  FOREACH x IN ARRAY p_timers LOOP
    INSERT INTO timer (key, once, due_ms, payload) VALUES (p_key, x ->> 0, (x ->> 1)::double precision::bigint, x -> 2)
    ON CONFLICT (key, once) DO UPDATE SET due_ms = excluded.due_ms, payload = excluded.payload;
  END LOOP;
  IF cardinality(p_rows) > 0 THEN
    FOREACH x IN ARRAY p_rows LOOP
      v_ord := nextval('orders');
      v_head := coalesce(v_head, v_ord);
      INSERT INTO outbox (ord, id, key, conversation, tenant, status, attempts, was_unknown, rest_ms, created_ms, body)
      VALUES (v_ord, x ->> 'id', p_key, c.key, tenant_of(p_key), 0, 0, false, 0, v_now, x);
    END LOOP;
    -- Behind others it changes nothing for its lane.
    IF c.head IS NULL THEN
      UPDATE conversation SET head = v_head, rest_ms = 0, touched_hour = v_now / 3600000 WHERE key = c.key;
    END IF;
  END IF;
  IF cardinality(p_log) > 0 THEN PERFORM append_log(c, v_now, p_log); END IF;
  IF p_journal IS NOT NULL THEN
    INSERT INTO journal (key, ord, revision, at_ms, body) VALUES (p_key, nextval('orders'), p_revision, v_now, p_journal);
    -- Reading hides what is yet to be trimmed.
    IF p_revision % 16 = 0 THEN PERFORM trim_journal(p_key); END IF;
  END IF;

  SELECT min(ord) INTO s.run_ord FROM inbox WHERE key = p_key;
  v_has_timers := EXISTS (SELECT 1 FROM timer WHERE key = p_key);
  IF p_keep AND (s.run_ord IS NOT NULL OR v_has_timers AND has_due_timer(p_key, v_now)) THEN
    s.body := p_body;
    s.attempt := 0;
    UPDATE session SET body = p_body, expires_ms = p_expires, attempt = 0, committed = p_token, run_ord = s.run_ord,
      until_ms = v_mono + ttl_ms, since_ms = v_mono
    WHERE key = p_key;
    RETURN json_build_array('ok', carry(s, v_now));
  END IF;
  IF p_body IS NULL AND s.run_ord IS NULL AND NOT v_has_timers THEN
    DELETE FROM session WHERE key = p_key;
    PERFORM tell(p_token, v_now);
  ELSE
    UPDATE session SET body = p_body, expires_ms = p_expires, attempt = 0, committed = p_token, run_ord = s.run_ord,
      fence = NULL, holder = NULL, until_ms = NULL, since_ms = NULL, log_index = NULL
    WHERE key = p_key;
  END IF;
  RETURN json_build_array('ok');
END $$;

CREATE FUNCTION trim_journal(p_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM journal WHERE key = p_key AND ord <= (
    SELECT ord FROM journal WHERE key = p_key ORDER BY ord DESC OFFSET JOURNAL_TURNS_MAX LIMIT 1);
END $$;
