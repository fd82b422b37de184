
-- Commits: everything that one turn changes, or nothing.

local function read_turn(c)
  local turn = { key = take(c), fence = take(c), keep = take(c) == '1', body = take(c), expires = take(c) }
  turn.revision, turn.journal = take(c), take(c)
  turn.consumed, turn.dead, turn.answers = items(c, 1), items(c, 2), items(c, 2)
  turn.state, turn.done, turn.timers = items(c, 2), items(c, 1), items(c, 3)
  turn.rows, turn.log, turn.log_keep = items(c, 2), items(c, 1), take(c)
  return turn
end

-- Everything that can refuse a turn, before anything changes; returns the unread entries by their order.
local function check_turn(c, turn)
  local entries = {}
  for _, list in ipairs({ turn.consumed, turn.dead, turn.answers }) do
    for _, item in ipairs(list) do
      local order = item[1]
      entries[order] = entries[order] or call('ZRANGEBYSCORE', at(c, 'i', turn.key), order, order)[1]
      if not entries[order] then return { 'unread', order } end
    end
  end
  local ids = {}
  for _, row in ipairs(turn.rows) do
    local id = row[1]
    local other = call('HGET', index(c, 'ids'), id)
    if ids[id] or (other and is_pending(call('HGET', at(c, 'o', other), 's'))) then return { 'row', id } end
    ids[id] = true
  end
  return nil, entries
end

local function answer(c, turn, entries)
  for _, item in ipairs(turn.answers) do
    local dedupe = string.match(entries[item[1]], '^%d+ %d (%S+) ')
    local delivery = at(c, 'd', channel_of(turn.key) .. ':' .. dedupe)
    local first = call('HMGET', delivery, 'o', 'x')
    if first[1] == item[1] and tonumber(first[2]) > c.now then
      call('HSET', delivery, 'a', item[2])
    end
  end
end

local function bury(c, turn, entries)
  for _, item in ipairs(turn.dead) do
    local order, reason = item[1], item[2]
    call('HSET', at(c, 'm', order), 'k', turn.key, 'r', reason, 't', text(c.now), 'e', entries[order])
    call('ZADD', index(c, 'dead'), order, order .. ' ' .. tenant_of(turn.key))
  end
end

local function write_session(c, turn, had_record, had_expiry)
  local key = turn.key
  local session = at(c, 's', key)
  if had_expiry and turn.expires == '' then
    call('ZREM', index(c, 'expiry'), key)
    call('HDEL', session, 'x')
  end
  if turn.body == '' then
    if had_record then call('DECR', index(c, 'records')) end
    call('HDEL', session, 'b')
    call('DEL', at(c, 'v', key))
    clear_timers(c, key)
    return
  end
  if not had_record then call('INCR', index(c, 'records')) end
  call('HSET', session, 'b', turn.body, 'c', c.token)
  if turn.expires ~= '' then
    call('ZADD', index(c, 'expiry'), turn.expires, key)
    if not had_expiry then call('HSET', session, 'x', '1') end
  end
  for _, change in ipairs(turn.state) do
    -- No JSON is empty: that deletes.
    if change[2] == '' then
      call('HDEL', at(c, 'v', key), change[1])
    else
      call('HSET', at(c, 'v', key), change[1], change[2])
    end
  end
end

local function write_timers(c, turn)
  local timers = at(c, 't', turn.key)
  for _, item in ipairs(turn.done) do
    call('HDEL', timers, item[1])
    call('ZREM', index(c, 'timers'), turn.key .. ' ' .. item[1])
  end
  for _, item in ipairs(turn.timers) do
    call('HSET', timers, item[1], item[2] .. ' ' .. item[3])
    call('ZADD', index(c, 'timers'), item[2], turn.key .. ' ' .. item[1])
  end
end

local function write_journal(c, turn)
  local journal = at(c, 'j', turn.key)
  call('RPUSH', journal, turn.revision .. ' ' .. text(c.now) .. ' ' .. turn.journal)
  call('LTRIM', journal, -JOURNAL_TURNS_MAX, -1)
  call('PEXPIRE', journal, JOURNAL_RETENTION_MS)
end

local function is_empty(c, key)
  return call('HEXISTS', at(c, 's', key), 'b') == 0
    and call('EXISTS', at(c, 'i', key)) == 0
    and call('EXISTS', at(c, 't', key)) == 0
end

-- the turn → "ok", lease | "fence" | "unread", order | "row", id
local function commit(c)
  local turn = read_turn(c)
  local key = turn.key
  local session = at(c, 's', key)
  local held = call('HMGET', session, 'f', 't', 'c', 'b', 'x')
  if held[3] == c.token then
    local lease = turn.keep and held[1] == turn.fence and carry(c, key, held[1], 0)
    return { 'ok', lease or false }
  end
  if held[1] ~= turn.fence then return told(c) and { 'ok', false } or { 'fence' } end
  local refusal, entries = check_turn(c, turn)
  if refusal then return refusal end

  -- From here on nothing refuses.
  answer(c, turn, entries)
  bury(c, turn, entries)
  for _, list in ipairs({ turn.consumed, turn.dead }) do
    for _, item in ipairs(list) do consume(c, key, entries[item[1]]) end
  end
  call('DEL', at(c, 'e', key))
  write_session(c, turn, held[4], held[5])
  write_timers(c, turn)
  for _, row in ipairs(turn.rows) do add_row(c, key, row[1], row[2]) end
  for _, item in ipairs(turn.log) do append_log(c, conversation_of(key), item[1], turn.log_keep) end
  if turn.journal ~= '' then write_journal(c, turn) end

  local due, has_timers = due_timers(c, key)
  if has_timers then refile_timers(c, key) end
  local is_unread = call('EXISTS', at(c, 'i', key)) == 1
  local is_over = turn.body == '' and not is_unread and not has_timers
  if turn.keep and (is_unread or #due > 0) then
    call('HDEL', session, 'a')
    call('HSET', session, 'c', c.token)
    hold(c, key, c.mono + tonumber(held[2]))
    return { 'ok', carry(c, key, held[1], 0) }
  end
  free(c, key, 'a')
  if is_over then
    call('DEL', session, at(c, 'v', key))
    for _, name in ipairs({ 'keys', 'run' }) do call('ZREM', index(c, name), key) end
    tell(c, '1')
  else
    if turn.body == '' then call('HSET', session, 'c', c.token) end
    file_session(c, key, is_unread or #due > 0)
  end
  return { 'ok', false }
end
