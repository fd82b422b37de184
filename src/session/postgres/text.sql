-- Small texts that processes share.

CREATE FUNCTION text_read(p_now bigint, p_mono bigint, p_token text, p_name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT body FROM shared_text WHERE name = p_name);
END $$;

-- Writes a text over what was read (null: nothing). True too where it is there already: the first answer was lost.
CREATE FUNCTION text_write(
  p_now bigint, p_mono bigint, p_token text, p_name text, p_over text, p_body text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF p_over IS NULL THEN
    INSERT INTO shared_text (name, body) VALUES (p_name, p_body) ON CONFLICT DO NOTHING;
  ELSE
    UPDATE shared_text SET body = p_body WHERE name = p_name AND body = p_over;
  END IF;
  RETURN EXISTS (SELECT 1 FROM shared_text WHERE name = p_name AND body = p_body);
END $$;
