-- Commits: everything that one turn changes, or nothing.

-- Lists that belong together are of one length. Bodies are never read here: the server can't read all that JSON may say (U+0000). A value
-- of state that is null is deleted.
-- → "ok"[, lease] | "fence" | "unread", order | "row", id
CREATE FUNCTION commit(
  p_now bigint, p_mono bigint, p_token text, p_key text, p_fence bigint, p_keep boolean, p_body json, p_expires bigint,
  p_revision bigint, p_journal json, p_consumed bigint[], p_dead_ords bigint[], p_dead_reasons text[], p_answer_ords bigint[],
  p_answers json[], p_state_names text[], p_state json[], p_done text[], p_timer_names text[], p_timer_dues bigint[], p_timers json[],
  p_row_ids text[], p_rows json[], p_log json[], p_log_keep bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_gone bigint[] := p_consumed || p_dead_ords;
  s session;
  c conversation;
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
  FOREACH v_ord IN ARRAY v_gone || p_answer_ords LOOP
    IF NOT EXISTS (SELECT 1 FROM inbox WHERE key = p_key AND ord = v_ord) THEN RETURN json_build_array('unread', v_ord); END IF;
  END LOOP;
  IF cardinality(p_rows) > 0 THEN
    SELECT id INTO v_text FROM unnest(p_row_ids) AS r (id) GROUP BY id HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN RETURN json_build_array('row', v_text); END IF;
    FOREACH v_text IN ARRAY p_row_ids LOOP
      IF EXISTS (SELECT 1 FROM outbox WHERE id = v_text AND status IN (0, 1, 4)) THEN RETURN json_build_array('row', v_text); END IF;
    END LOOP;
  END IF;

  IF cardinality(p_rows) > 0 OR cardinality(p_log) > 0 THEN
    c := lock_conversation(conversation_of(p_key), v_now);
  END IF;
  FOR n IN 1 .. cardinality(p_answers) LOOP
    SELECT dedupe INTO v_text FROM inbox WHERE key = p_key AND ord = p_answer_ords[n];
    UPDATE delivery SET answer = p_answers[n]
    WHERE channel = channel_of(p_key) AND dedupe = v_text AND ord = p_answer_ords[n] AND expires_ms > v_now;
  END LOOP;
  FOR n IN 1 .. cardinality(p_dead_ords) LOOP
    INSERT INTO dead_letter (ord, key, tenant, reason, died_ms, dedupe, received_ms, body)
    SELECT ord, key, tenant_of(key), p_dead_reasons[n], v_now, dedupe, received_ms, body FROM inbox
    WHERE key = p_key AND ord = p_dead_ords[n]
    ON CONFLICT DO NOTHING;
  END LOOP;
  IF cardinality(v_gone) > 0 THEN DELETE FROM inbox WHERE key = p_key AND ord = ANY (v_gone); END IF;
  DELETE FROM step WHERE key = p_key;
  IF p_body IS NULL THEN
    DELETE FROM state WHERE key = p_key;
    DELETE FROM timer WHERE key = p_key;
  ELSE
    FOR n IN 1 .. cardinality(p_state) LOOP
      IF p_state[n] IS NULL THEN
        DELETE FROM state WHERE key = p_key AND name = p_state_names[n];
      ELSE
        INSERT INTO state (key, name, value) VALUES (p_key, p_state_names[n], p_state[n])
        ON CONFLICT (key, name) DO UPDATE SET value = excluded.value;
      END IF;
    END LOOP;
  END IF;
  IF cardinality(p_done) > 0 THEN DELETE FROM timer WHERE key = p_key AND once = ANY (p_done); END IF;
  FOR n IN 1 .. cardinality(p_timers) LOOP
    INSERT INTO timer (key, once, due_ms, payload) VALUES (p_key, p_timer_names[n], p_timer_dues[n], p_timers[n])
    ON CONFLICT (key, once) DO UPDATE SET due_ms = excluded.due_ms, payload = excluded.payload;
  END LOOP;
  IF cardinality(p_rows) > 0 THEN
    FOR n IN 1 .. cardinality(p_rows) LOOP
      v_ord := nextval('orders');
      v_head := coalesce(v_head, v_ord);
      INSERT INTO outbox (ord, id, key, conversation, tenant, status, attempts, was_unknown, rest_ms, created_ms, body)
      VALUES (v_ord, p_row_ids[n], p_key, c.key, tenant_of(p_key), 0, 0, false, 0, v_now, p_rows[n]);
    END LOOP;
    -- Behind others it changes nothing for its lane.
    IF c.head IS NULL THEN
      UPDATE conversation SET head = v_head, rest_ms = 0, touched_hour = greatest(touched_hour, v_now / 3600000) WHERE key = c.key;
    END IF;
  END IF;
  IF cardinality(p_log) > 0 THEN PERFORM append_log(c, v_now, p_log, p_log_keep); END IF;
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
