-- Erasing what is kept of people, some at a time, so that others' turns go on in between. A range holds all keys that can be meant;
-- `p_parts` names the parts of a key that are wanted, null for any. Logs go by themselves, since they are a conversation's.

CREATE FUNCTION is_wanted(p_key text, p_parts text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  FOR n IN 1 .. cardinality(p_parts) LOOP
    IF p_parts[n] IS NOT NULL AND p_parts[n] <> split_part(p_key, ':', n) THEN RETURN false; END IF;
  END LOOP;
  RETURN true;
END $$;

-- → where to go on or null, how many were there, conversations
CREATE FUNCTION erase_sessions(
  p_now bigint, p_mono bigint, p_token text, p_after text, p_before text, p_parts text[], p_limit integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_keys text[] := ARRAY (
    SELECT key FROM (
      (SELECT key FROM session WHERE key > p_after AND key < p_before ORDER BY key LIMIT p_limit)
      UNION (SELECT DISTINCT key FROM (
        SELECT key FROM journal WHERE key > p_after AND key < p_before ORDER BY key LIMIT p_limit * 64) j)) k
    ORDER BY key LIMIT p_limit);
  v_found text[] := '{}';
  v_count integer := 0;
  v_key text;
  s session;
BEGIN
  FOREACH v_key IN ARRAY v_keys LOOP
    CONTINUE WHEN NOT is_wanted(v_key, p_parts);
    SELECT * INTO s FROM session WHERE key = v_key FOR UPDATE;
    IF FOUND AND is_there(s) THEN v_count := v_count + 1; END IF;
    PERFORM forget(v_key);
    DELETE FROM journal WHERE key = v_key;
    v_found := v_found || conversation_of(v_key);
  END LOOP;
  RETURN json_build_array(CASE WHEN cardinality(v_keys) < p_limit THEN NULL ELSE v_keys[p_limit] END, v_count, v_found);
END $$;

-- A row that somebody holds leaves its lane when its sender is done with it.
CREATE FUNCTION erase_rows(
  p_now bigint, p_mono bigint, p_token text, p_after bigint, p_tenant text, p_parts text[], p_limit integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_ords bigint[] := ARRAY (SELECT ord FROM outbox WHERE tenant = p_tenant AND ord > p_after ORDER BY ord LIMIT p_limit);
  v_found text[];
  v_key text;
  v_gone bigint[];
  v_count integer := 0;
  c conversation;
BEGIN
  v_found := ARRAY (
    SELECT DISTINCT conversation FROM outbox WHERE ord = ANY (v_ords) AND is_wanted(key, p_parts) ORDER BY conversation);
  FOREACH v_key IN ARRAY v_found LOOP
    SELECT * INTO c FROM conversation WHERE key = v_key FOR UPDATE;
    v_gone := ARRAY (SELECT ord FROM outbox WHERE ord = ANY (v_ords) AND conversation = v_key AND is_wanted(key, p_parts));
    DELETE FROM outbox WHERE ord = ANY (v_gone);
    v_count := v_count + cardinality(v_gone);
    IF c.claim_ord = ANY (v_gone) THEN
      UPDATE conversation SET claim_state = 2 WHERE key = v_key;
    ELSIF c.key IS NOT NULL THEN
      PERFORM refile(c);
    END IF;
  END LOOP;
  RETURN json_build_array(CASE WHEN cardinality(v_ords) < p_limit THEN NULL ELSE v_ords[p_limit] END, v_count, v_found);
END $$;

CREATE FUNCTION erase_dead(
  p_now bigint, p_mono bigint, p_token text, p_after bigint, p_tenant text, p_parts text[], p_limit integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_ords bigint[] := ARRAY (SELECT ord FROM dead_letter WHERE tenant = p_tenant AND ord > p_after ORDER BY ord LIMIT p_limit);
  v_found text[] := '{}';
  v_count integer := 0;
  v_key text;
BEGIN
  FOR v_key IN DELETE FROM dead_letter WHERE ord = ANY (v_ords) AND is_wanted(key, p_parts) RETURNING key LOOP
    v_count := v_count + 1;
    v_found := v_found || conversation_of(v_key);
  END LOOP;
  RETURN json_build_array(CASE WHEN cardinality(v_ords) < p_limit THEN NULL ELSE v_ords[p_limit] END, v_count, v_found);
END $$;

-- Deliveries stay, and say no more whose they are.
CREATE FUNCTION erase_answers(
  p_now bigint, p_mono bigint, p_token text, p_after text[], p_before text, p_parts text[], p_limit integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  d delivery;
  v_seen integer := 0;
  v_last text[];
  v_found text[] := '{}';
BEGIN
  FOR d IN
    SELECT * FROM delivery WHERE (channel, dedupe) > (p_after[1], p_after[2]) AND channel < p_before
    ORDER BY channel, dedupe LIMIT p_limit
  LOOP
    v_seen := v_seen + 1;
    v_last := ARRAY[d.channel, d.dedupe];
    CONTINUE WHEN d.key IS NULL OR NOT is_wanted(d.key, p_parts);
    UPDATE delivery SET answer = NULL, key = NULL WHERE channel = d.channel AND dedupe = d.dedupe AND ord = d.ord;
    v_found := v_found || conversation_of(d.key);
  END LOOP;
  RETURN json_build_array(CASE WHEN v_seen < p_limit THEN NULL ELSE v_last END, 0, v_found);
END $$;

-- Conversations of a range, for their logs.
CREATE FUNCTION logs_between(
  p_now bigint, p_mono bigint, p_token text, p_after text, p_before text, p_parts text[], p_limit integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_keys text[] := ARRAY (
    SELECT key FROM conversation WHERE key > p_after AND key < p_before ORDER BY key LIMIT p_limit);
BEGIN
  RETURN json_build_array(
    CASE WHEN cardinality(v_keys) < p_limit THEN NULL ELSE v_keys[p_limit] END, 0,
    ARRAY (SELECT k FROM unnest(v_keys) AS k WHERE is_wanted(k, p_parts)));
END $$;

-- → logs. Conversations come in the order of their keys, which is that of their locks.
CREATE FUNCTION erase_logs(p_now bigint, p_mono bigint, p_token text, p_conversations text[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_key text;
  v_count integer := 0;
BEGIN
  FOREACH v_key IN ARRAY p_conversations LOOP
    PERFORM 1 FROM conversation WHERE key = v_key FOR UPDATE;
    DELETE FROM log WHERE conversation = v_key;
    IF FOUND THEN v_count := v_count + 1; END IF;
    UPDATE conversation SET log_next = 0, log_ms = NULL, log_keep_ms = NULL, log_due_ms = NULL WHERE key = v_key AND head IS NOT NULL OR key = v_key AND claim_ord IS NOT NULL;
    IF NOT FOUND THEN DELETE FROM conversation WHERE key = v_key; END IF;
  END LOOP;
  RETURN v_count;
END $$;
