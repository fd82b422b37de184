-- Version 2: how long a log keeps each of its entries, when each was made, and when the oldest one is past that. Entries that are there
-- count as made when the last one was.
ALTER TABLE conversation ADD COLUMN log_keep_ms bigint, ADD COLUMN log_due_ms bigint;
CREATE INDEX conversation_log_due ON conversation (log_due_ms) WHERE log_due_ms IS NOT NULL;
ALTER TABLE log ADD COLUMN at_ms bigint;
UPDATE log SET at_ms = c.log_ms FROM conversation c WHERE c.key = log.conversation;
