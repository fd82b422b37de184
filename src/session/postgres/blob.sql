-- Files of conversations, for the store of files beside the sessions.

CREATE FUNCTION blob_write(p_now bigint, p_mono bigint, p_token text, p_upload text, p_n integer, p_body bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF p_n = 0 THEN INSERT INTO blob_upload (upload, at_ms) VALUES (p_upload, wall(p_now)) ON CONFLICT DO NOTHING; END IF;
  INSERT INTO blob_chunk (upload, n, body) VALUES (p_upload, p_n, p_body) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

-- Names an upload (null: claims only) and claims the file. → upload, size, chunks of the one that counts | null
CREATE FUNCTION blob_claim(
  p_now bigint, p_mono bigint, p_token text, p_scope text, p_digest text, p_owner text, p_until bigint, p_upload text, p_size bigint,
  p_chunks integer
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  b blob;
BEGIN
  LOOP
    SELECT * INTO b FROM blob WHERE scope = p_scope AND digest = p_digest FOR UPDATE;
    EXIT WHEN FOUND;
    IF p_upload IS NULL THEN RETURN NULL; END IF;
    INSERT INTO blob (scope, digest, upload, size_bytes, chunks) VALUES (p_scope, p_digest, p_upload, p_size, p_chunks)
    ON CONFLICT DO NOTHING;
  END LOOP;
  IF b.upload = p_upload THEN DELETE FROM blob_upload WHERE upload = p_upload; END IF;
  INSERT INTO blob_owner (scope, digest, owner, until_ms) VALUES (p_scope, p_digest, p_owner, p_until)
  ON CONFLICT (scope, digest, owner) DO UPDATE SET until_ms = greatest(blob_owner.until_ms, excluded.until_ms);
  RETURN json_build_array(b.upload, b.size_bytes, b.chunks);
END $$;

CREATE FUNCTION blob_unlink(p_now bigint, p_mono bigint, p_token text, p_upload text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM blob_chunk WHERE upload = p_upload;
  DELETE FROM blob_upload WHERE upload = p_upload;
  RETURN true;
END $$;

-- → upload, size, chunks | null
CREATE FUNCTION blob_find(p_now bigint, p_mono bigint, p_token text, p_scope text, p_digest text) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT json_build_array(upload, size_bytes, chunks) FROM blob WHERE scope = p_scope AND digest = p_digest);
END $$;

CREATE FUNCTION blob_bytes(p_now bigint, p_mono bigint, p_token text, p_scope text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT coalesce(sum(size_bytes), 0) FROM blob WHERE scope = p_scope);
END $$;

CREATE FUNCTION blob_read(p_now bigint, p_mono bigint, p_token text, p_upload text, p_n integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT encode(body, 'base64') FROM blob_chunk WHERE upload = p_upload AND n = p_n);
END $$;

-- → owners in the order of their keys
CREATE FUNCTION blob_owners(p_now bigint, p_mono bigint, p_token text, p_scope text, p_digest text) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY (SELECT owner FROM blob_owner WHERE scope = p_scope AND digest = p_digest ORDER BY owner);
END $$;

-- Takes claims back that weren't renewed since they were seen; true where the file went with them.
CREATE FUNCTION blob_drop(
  p_now bigint, p_mono bigint, p_token text, p_scope text, p_digest text, p_owners text[], p_untils bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  b blob;
BEGIN
  SELECT * INTO b FROM blob WHERE scope = p_scope AND digest = p_digest FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  FOR n IN 1 .. cardinality(p_owners) LOOP
    DELETE FROM blob_owner WHERE scope = p_scope AND digest = p_digest AND owner = p_owners[n] AND until_ms <= p_untils[n];
  END LOOP;
  IF EXISTS (SELECT 1 FROM blob_owner WHERE scope = p_scope AND digest = p_digest) THEN RETURN false; END IF;
  DELETE FROM blob WHERE scope = p_scope AND digest = p_digest;
  DELETE FROM blob_chunk WHERE upload = b.upload;
  RETURN true;
END $$;

-- Claims of a tenant behind one, in their order. → digest, owner
CREATE FUNCTION blob_claims(
  p_now bigint, p_mono bigint, p_token text, p_scope text, p_digest text, p_owner text, p_limit integer
) RETURNS json[] LANGUAGE plpgsql AS $$
BEGIN
  RETURN ARRAY (
    SELECT json_build_array(digest, owner) FROM blob_owner WHERE scope = p_scope AND (digest, owner) > (p_digest, p_owner)
    ORDER BY digest, owner LIMIT p_limit);
END $$;

-- Drops uploads whose process died, and tells which claims are past their time. → scope, digest, owner, until
CREATE FUNCTION blob_past(
  p_now bigint, p_mono bigint, p_token text, p_at bigint, p_upload_ms bigint, p_limit integer
) RETURNS json[] LANGUAGE plpgsql AS $$
DECLARE
  v_upload text;
BEGIN
  FOR v_upload IN
    SELECT upload FROM blob_upload WHERE at_ms <= wall(p_now) - p_upload_ms ORDER BY at_ms LIMIT 10 FOR UPDATE SKIP LOCKED
  LOOP
    DELETE FROM blob_chunk WHERE upload = v_upload;
    DELETE FROM blob_upload WHERE upload = v_upload;
  END LOOP;
  RETURN ARRAY (
    SELECT json_build_array(scope, digest, owner, until_ms) FROM blob_owner WHERE until_ms <= p_at ORDER BY until_ms LIMIT p_limit);
END $$;
