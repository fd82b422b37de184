-- The life of a turn: messages that arrive, leases, steps.

-- → "known", log index[, answer] | "new", log index[, lease]
CREATE FUNCTION accept(
  p_now bigint, p_mono bigint, p_token text, p_key text, p_dedupe text, p_body json, p_ttl bigint, p_is_unnamed boolean, p_log json,
  p_log_keep bigint, p_has_worker boolean, p_lease_ttl bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_channel text := channel_of(p_key);
  d delivery;
  s session;
  c conversation;
  v_ord bigint;
  v_log_index integer;
  v_is_leased boolean;
  v_is_forgotten boolean;
BEGIN
  SELECT * INTO d FROM delivery WHERE channel = v_channel AND dedupe = p_dedupe AND expires_ms > v_now;
  IF FOUND AND d.token <> p_token THEN RETURN known(d); END IF;
  s := lock_session(p_key);
  -- A delivery that isn't remembered is known by the lease that went with it.
  IF s.holder = p_token THEN RETURN json_build_array('new', s.log_index, carry(s, v_now)); END IF;
  IF d.token = p_token THEN RETURN json_build_array('new', d.log_index); END IF;

  v_is_leased := p_has_worker AND (s.fence IS NULL OR is_over(s.until_ms, s.since_ms, v_mono));
  v_is_forgotten := p_is_unnamed AND v_is_leased;
  v_ord := nextval('orders');
  IF p_log IS NOT NULL THEN
    c := lock_conversation(conversation_of(p_key), v_now);
    v_log_index := CASE WHEN is_log_over(c, v_now) THEN 0 ELSE c.log_next END;
  END IF;
  IF NOT v_is_forgotten AND p_ttl > 0 THEN
    -- Changes nothing where the delivery came to be known meanwhile.
    INSERT INTO delivery (channel, dedupe, expires_ms, ord, log_index, token, key)
    VALUES (v_channel, p_dedupe, v_now + p_ttl, v_ord, v_log_index, p_token, p_key)
    ON CONFLICT (channel, dedupe) DO UPDATE
      SET expires_ms = excluded.expires_ms, ord = excluded.ord, log_index = excluded.log_index, token = excluded.token,
        key = excluded.key, answer = NULL
      WHERE delivery.expires_ms <= v_now;
    IF NOT FOUND THEN
      SELECT * INTO d FROM delivery WHERE channel = v_channel AND dedupe = p_dedupe;
      IF d.token = p_token THEN RETURN json_build_array('new', d.log_index); END IF;
      IF s.fence IS NULL AND NOT is_there(s) THEN DELETE FROM session WHERE key = p_key; END IF;
      RETURN known(d);
    END IF;
  END IF;
  INSERT INTO inbox (key, ord, dedupe, is_forgotten, received_ms, body)
  -- Its timers fall due by this clock, so messages arrive by it: gateways' own may differ.
  VALUES (p_key, v_ord, p_dedupe, v_is_forgotten, v_now, p_body);
  IF p_log IS NOT NULL THEN PERFORM append_log(c, v_now, ARRAY[p_log], p_log_keep); END IF;
  IF NOT v_is_leased THEN
    IF s.run_ord IS NULL THEN UPDATE session SET run_ord = v_ord WHERE key = p_key; END IF;
    RETURN json_build_array('new', v_log_index);
  END IF;
  s.run_ord := v_ord;
  s := hand_over(s, v_mono, p_token, p_lease_ttl);
  UPDATE session SET fence = s.fence, holder = s.holder, since_ms = s.since_ms, ttl_ms = s.ttl_ms, until_ms = s.until_ms,
    log_index = v_log_index, attempt = s.attempt, run_ord = s.run_ord
  WHERE key = p_key;
  RETURN json_build_array('new', v_log_index, carry(s, v_now));
END $$;

CREATE FUNCTION known(d delivery) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  IF d.answer IS NULL THEN RETURN json_build_array('known', d.log_index); END IF;
  RETURN json_build_array('known', d.log_index, d.answer);
END $$;

-- Leases the sessions that are named, in their order.
CREATE FUNCTION lease_named(
  p_now bigint, p_mono bigint, p_token text, p_limit integer, p_ttl bigint, p_keys text[]
) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_leases json[] := '{}';
  v_key text;
  s session;
BEGIN
  PERFORM 1 FROM session WHERE key = ANY (p_keys) ORDER BY key FOR UPDATE;
  FOR v_key IN SELECT k FROM unnest(p_keys) WITH ORDINALITY AS u (k, n) GROUP BY k ORDER BY min(n) LOOP
    EXIT WHEN cardinality(v_leases) >= p_limit;
    SELECT * INTO s FROM session WHERE key = v_key;
    CONTINUE WHEN NOT FOUND;
    IF s.holder = p_token THEN
      v_leases := v_leases || carry(s, v_now);
    ELSIF (s.fence IS NULL OR is_over(s.until_ms, s.since_ms, v_mono)) AND (s.run_ord IS NOT NULL OR has_due_timer(v_key, v_now)) THEN
      s := grant_lease(s, v_mono, p_token, p_ttl);
      v_leases := v_leases || carry(s, v_now);
    END IF;
  END LOOP;
  RETURN v_leases;
END $$;

-- Leases any: those with due timers first, up to half, so that neither kind waits for the end of the other.
CREATE FUNCTION lease_any(
  p_now bigint, p_mono bigint, p_token text, p_limit integer, p_ttl bigint, p_is_again boolean
) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_leases json[] := '{}';
  v_part integer;
  v_key text;
  s session;
BEGIN
  PERFORM be_alone(p_token);
  IF p_is_again THEN
    FOR s IN
      SELECT * FROM session WHERE run_ord IS NOT NULL AND holder = p_token
      UNION ALL
      SELECT * FROM session WHERE run_ord IS NULL AND holder = p_token AND key IN (SELECT key FROM timer WHERE due_ms <= v_now)
      ORDER BY fence
    LOOP
      v_leases := v_leases || carry(s, v_now);
    END LOOP;
    IF cardinality(v_leases) > 0 THEN RETURN v_leases; END IF;
  END IF;
  FOREACH v_part IN ARRAY ARRAY[1, 0, 2] LOOP
    IF v_part = 0 THEN
      FOR s IN
        SELECT * FROM session WHERE run_ord IS NOT NULL AND (fence IS NULL OR is_over(until_ms, since_ms, v_mono))
        ORDER BY run_ord LIMIT p_limit - cardinality(v_leases) FOR UPDATE SKIP LOCKED
      LOOP
        s := grant_lease(s, v_mono, p_token, p_ttl);
        v_leases := v_leases || carry(s, v_now);
      END LOOP;
    ELSE
      FOR v_key IN
        SELECT t.key FROM timer t JOIN session x ON x.key = t.key
        WHERE t.due_ms <= v_now AND (x.fence IS NULL OR is_over(x.until_ms, x.since_ms, v_mono))
        ORDER BY t.due_ms LIMIT (p_limit - cardinality(v_leases) + 1) / CASE v_part WHEN 1 THEN 2 ELSE 1 END
        FOR UPDATE OF x SKIP LOCKED
      LOOP
        EXIT WHEN cardinality(v_leases) >= p_limit;
        SELECT * INTO s FROM session WHERE key = v_key;
        -- It may have several, and another may have fired them since.
        CONTINUE WHEN s.holder = p_token OR NOT has_due_timer(v_key, v_now);
        s := grant_lease(s, v_mono, p_token, p_ttl);
        v_leases := v_leases || carry(s, v_now);
      END LOOP;
    END IF;
    EXIT WHEN cardinality(v_leases) >= p_limit;
  END LOOP;
  RETURN v_leases;
END $$;

CREATE FUNCTION renew(p_now bigint, p_mono bigint, p_token text, p_key text, p_fence bigint, p_ttl bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_mono bigint := wall(p_mono);
BEGIN
  UPDATE session SET until_ms = v_mono + p_ttl, since_ms = v_mono WHERE key = p_key AND fence = p_fence;
  RETURN FOUND;
END $$;

CREATE FUNCTION release(p_now bigint, p_mono bigint, p_token text, p_key text, p_fence bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE session SET fence = NULL, holder = NULL, until_ms = NULL, since_ms = NULL, log_index = NULL,
    run_ord = CASE WHEN run_ord IS NULL THEN NULL ELSE nextval('orders') END
  WHERE key = p_key AND fence = p_fence;
  RETURN FOUND;
END $$;

-- → "ok"[, the first outcome] | "fence"
CREATE FUNCTION record(
  p_now bigint, p_mono bigint, p_token text, p_key text, p_fence bigint, p_turn bigint, p_seq bigint, p_body json
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_first json;
BEGIN
  PERFORM 1 FROM session WHERE key = p_key AND fence = p_fence FOR UPDATE;
  IF NOT FOUND THEN RETURN json_build_array('fence'); END IF;
  INSERT INTO step (key, turn, seq, body) VALUES (p_key, p_turn, p_seq, p_body) ON CONFLICT DO NOTHING;
  IF FOUND THEN RETURN json_build_array('ok'); END IF;
  SELECT body INTO v_first FROM step WHERE key = p_key AND turn = p_turn AND seq = p_seq;
  RETURN json_build_array('ok', v_first);
END $$;
