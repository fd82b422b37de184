-- Version 3: small texts that processes share.
CREATE TABLE shared_text (name text COLLATE "C" PRIMARY KEY, body text NOT NULL);
