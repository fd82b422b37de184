-- The outbox: one lane a conversation, whose first row alone may leave.

CREATE FUNCTION row_of(o outbox) RETURNS json LANGUAGE sql IMMUTABLE AS
$$ SELECT json_build_array(o.body, o.key, o.status, o.attempts, o.was_unknown, o.rest_ms, o.created_ms, o.error, o.ord, o.ended_ms) $$;

-- Frees a lane that the caller has locked, and puts its first row in front.
CREATE FUNCTION unclaim(p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_head bigint;
  v_rest bigint;
BEGIN
  SELECT ord, rest_ms INTO v_head, v_rest FROM outbox WHERE conversation = p_key AND status IN (0, 1, 4) ORDER BY ord LIMIT 1;
  UPDATE conversation SET head = v_head, rest_ms = coalesce(v_rest, 0), claim_ord = NULL, claim_sender = NULL, claim_attempts = NULL,
    claim_state = NULL, claim_token = NULL, begin_token = NULL, claim_until_ms = NULL, claim_since_ms = NULL
  WHERE key = p_key;
END $$;

-- Puts the first row of a lane in front that nobody holds.
CREATE FUNCTION refile(c conversation) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF c.claim_ord IS NULL THEN PERFORM unclaim(c.key); END IF;
END $$;

-- A lane that is claimed until a time that is over, or from one that is yet to come.
CREATE FUNCTION expire_claims(p_mono bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c conversation;
BEGIN
  FOR c IN
    (SELECT * FROM conversation WHERE claim_until_ms <= p_mono ORDER BY claim_until_ms LIMIT DUE_MAX FOR UPDATE SKIP LOCKED)
  LOOP
    PERFORM expire_claim(c);
  END LOOP;
  FOR c IN
    (SELECT * FROM conversation WHERE claim_until_ms > p_mono + 5000 AND claim_since_ms > p_mono + 5000
     ORDER BY claim_until_ms LIMIT DUE_MAX FOR UPDATE SKIP LOCKED)
  LOOP
    PERFORM expire_claim(c);
  END LOOP;
END $$;

-- What had begun is unknown for ever.
CREATE FUNCTION expire_claim(c conversation) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF c.claim_state = 1 THEN UPDATE outbox SET status = 4, was_unknown = true WHERE ord = c.claim_ord; END IF;
  PERFORM unclaim(c.key);
END $$;

-- → rows. Lanes that rested come first, up to half, so that neither kind waits for the end of the other.
CREATE FUNCTION claim_sends(
  p_now bigint, p_mono bigint, p_token text, p_sender text, p_limit integer, p_ttl bigint, p_is_again boolean
) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  v_mono bigint := wall(p_mono);
  v_rows json[] := '{}';
  v_part integer;
  c conversation;
  o outbox;
BEGIN
  PERFORM be_alone(p_token);
  IF p_is_again THEN
    FOR o IN
      SELECT r.* FROM conversation x JOIN outbox r ON r.ord = x.claim_ord
      WHERE x.claim_until_ms IS NOT NULL AND x.claim_token = p_token AND x.claim_state = 0 ORDER BY r.ord
    LOOP
      v_rows := v_rows || row_of(o);
    END LOOP;
    IF cardinality(v_rows) > 0 THEN RETURN v_rows; END IF;
  END IF;
  PERFORM expire_claims(v_mono);
  FOREACH v_part IN ARRAY ARRAY[1, 0, 2] LOOP
    FOR c IN
      SELECT * FROM conversation
      WHERE head IS NOT NULL AND claim_until_ms IS NULL
        AND rest_ms >= CASE v_part WHEN 0 THEN 0 ELSE 1 END AND rest_ms <= CASE v_part WHEN 0 THEN 0 ELSE v_now END
      ORDER BY rest_ms, head
      LIMIT (p_limit - cardinality(v_rows) + CASE v_part WHEN 1 THEN 1 ELSE 0 END) / CASE v_part WHEN 1 THEN 2 ELSE 1 END
      FOR UPDATE SKIP LOCKED
    LOOP
      SELECT * INTO o FROM outbox WHERE ord = c.head;
      UPDATE conversation SET claim_ord = o.ord, claim_sender = p_sender, claim_attempts = o.attempts, claim_state = 0,
        claim_token = p_token, begin_token = NULL, claim_until_ms = v_mono + p_ttl, claim_since_ms = v_mono
      WHERE key = c.key;
      v_rows := v_rows || row_of(o);
    END LOOP;
    EXIT WHEN cardinality(v_rows) >= p_limit;
  END LOOP;
  RETURN v_rows;
END $$;

-- A claim is its sender's as long as nobody else has taken the row; the attempts tell it from a later one by the same sender.
CREATE FUNCTION is_held(c conversation, p_ord bigint, p_attempts integer, p_sender text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(c.claim_ord = p_ord AND c.claim_attempts = p_attempts AND c.claim_sender = p_sender, false) $$;

-- → "ok" | "claim"
CREATE FUNCTION begin_send(
  p_now bigint, p_mono bigint, p_token text, p_conversation text, p_ord bigint, p_attempts integer, p_sender text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  c conversation;
BEGIN
  SELECT * INTO c FROM conversation WHERE key = p_conversation FOR UPDATE;
  IF NOT FOUND OR NOT is_held(c, p_ord, p_attempts, p_sender) THEN RETURN 'claim'; END IF;
  IF c.claim_state <> 0 THEN RETURN CASE WHEN c.begin_token = p_token THEN 'ok' ELSE 'claim' END; END IF;
  UPDATE conversation SET claim_state = 1, begin_token = p_token WHERE key = p_conversation;
  UPDATE outbox SET status = 1, attempts = attempts + 1 WHERE ord = p_ord;
  RETURN 'ok';
END $$;

-- Of which claims are still their sender's. Conversations come in the order of their keys, which is that of their locks.
CREATE FUNCTION renew_sends(
  p_now bigint, p_mono bigint, p_token text, p_ttl bigint, p_sender text, p_conversations text[], p_ords bigint[], p_attempts integer[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  v_mono bigint := wall(p_mono);
  v_renewed bigint[] := '{}';
BEGIN
  FOR n IN 1 .. cardinality(p_ords) LOOP
    UPDATE conversation SET claim_until_ms = v_mono + p_ttl, claim_since_ms = v_mono
    WHERE key = p_conversations[n] AND claim_ord = p_ords[n] AND claim_attempts = p_attempts[n] AND claim_sender = p_sender;
    IF FOUND THEN v_renewed := v_renewed || p_ords[n]; END IF;
  END LOOP;
  RETURN v_renewed;
END $$;

-- `p_status` is what the row becomes, `p_delay` how long it rests (null: not). → "ok" | "claim" | "begun"
CREATE FUNCTION end_send(
  p_now bigint, p_mono bigint, p_token text, p_conversation text, p_ord bigint, p_attempts integer, p_sender text,
  p_status integer, p_error text, p_delay bigint, p_receipt text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := wall(p_now);
  c conversation;
  o outbox;
BEGIN
  SELECT * INTO c FROM conversation WHERE key = p_conversation FOR UPDATE;
  SELECT * INTO o FROM outbox WHERE ord = p_ord;
  IF o.end_token = p_token THEN RETURN 'ok'; END IF;
  IF c.key IS NULL OR NOT is_held(c, p_ord, p_attempts, p_sender) THEN
    RETURN CASE WHEN is_told(p_token) THEN 'ok' ELSE 'claim' END;
  END IF;
  IF c.claim_state = 2 THEN
    PERFORM unclaim(c.key);
    PERFORM tell(p_token, v_now);
    RETURN 'ok';
  END IF;
  IF o.status = 0 AND p_status IN (2, 4) THEN RETURN 'begun'; END IF;
  UPDATE outbox SET status = p_status, rest_ms = coalesce(v_now + p_delay, 0), end_token = p_token,
    was_unknown = was_unknown OR p_status = 4, error = coalesce(p_error, error), receipt = coalesce(p_receipt, receipt),
    ended_ms = CASE WHEN p_status IN (2, 3, 5) THEN v_now END
  WHERE ord = p_ord;
  PERFORM unclaim(c.key);
  RETURN 'ok';
END $$;

CREATE FUNCTION retry_send(p_now bigint, p_mono bigint, p_token text, p_id text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  c conversation;
  o outbox;
BEGIN
  PERFORM be_alone(p_token);
  IF is_told(p_token) THEN RETURN true; END IF;
  SELECT * INTO o FROM outbox WHERE id = p_id AND status = 4;
  IF NOT FOUND THEN
    -- Another row of its name may be on its way.
    IF EXISTS (SELECT 1 FROM outbox WHERE id = p_id AND status IN (0, 1, 4)) THEN RETURN false; END IF;
    SELECT * INTO o FROM outbox WHERE id = p_id AND status IN (3, 5) ORDER BY ord DESC LIMIT 1;
    IF NOT FOUND THEN RETURN false; END IF;
  END IF;
  c := lock_conversation(o.conversation, wall(p_now));
  UPDATE outbox SET status = 0, rest_ms = 0, ended_ms = NULL WHERE ord = o.ord AND status = o.status;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM refile(c);
  PERFORM tell(p_token, wall(p_now));
  RETURN true;
END $$;

CREATE FUNCTION abandon_send(
  p_now bigint, p_mono bigint, p_token text, p_id text, p_error text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  c conversation;
  o outbox;
BEGIN
  PERFORM be_alone(p_token);
  IF is_told(p_token) THEN RETURN true; END IF;
  SELECT * INTO o FROM outbox WHERE id = p_id AND status IN (0, 1, 4);
  IF NOT FOUND THEN RETURN false; END IF;
  c := lock_conversation(o.conversation, wall(p_now));
  IF c.claim_ord = o.ord THEN
    IF NOT is_over(c.claim_until_ms, c.claim_since_ms, wall(p_mono)) THEN RETURN false; END IF;
    PERFORM expire_claim(c);
    c.claim_ord := NULL;
  END IF;
  UPDATE outbox SET status = 5, rest_ms = 0, error = p_error, ended_ms = wall(p_now) WHERE ord = o.ord AND status IN (0, 4);
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM refile(c);
  PERFORM tell(p_token, wall(p_now));
  RETURN true;
END $$;

CREATE FUNCTION drop_send(p_now bigint, p_mono bigint, p_token text, p_ord bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM be_alone(p_token);
  IF is_told(p_token) THEN RETURN true; END IF;
  -- A row that is over is in no lane.
  DELETE FROM outbox WHERE ord = p_ord AND status IN (2, 3, 5);
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM tell(p_token, wall(p_now));
  RETURN true;
END $$;

CREATE FUNCTION list_rows(
  p_now bigint, p_mono bigint, p_token text, p_status integer, p_tenant text, p_limit integer
) RETURNS json[] LANGUAGE plpgsql AS $$
BEGIN
  IF p_status IS NULL AND p_tenant IS NULL THEN
    RETURN ARRAY (SELECT row_of(o) FROM outbox o ORDER BY ord DESC LIMIT p_limit);
  ELSIF p_status IS NULL THEN
    RETURN ARRAY (SELECT row_of(o) FROM outbox o WHERE tenant = p_tenant ORDER BY ord DESC LIMIT p_limit);
  ELSIF p_status = 2 THEN
    RETURN ARRAY (
      SELECT row_of(o) FROM outbox o WHERE status = 2 AND (p_tenant IS NULL OR tenant = p_tenant) ORDER BY ord DESC LIMIT p_limit);
  END IF;
  RETURN ARRAY (
    SELECT row_of(o) FROM outbox o WHERE status <> 2 AND status = p_status AND (p_tenant IS NULL OR tenant = p_tenant)
    ORDER BY ord DESC LIMIT p_limit);
END $$;
