
-- What operators ask, and what a sweep drops.

local function summary(c, key)
  return { key, call('HGET', at(c, 's', key), 'b'), call('ZCARD', at(c, 'i', key)) }
end

-- key → summary | nil
local function read(c)
  local key = take(c)
  if is_empty(c, key) then return false end
  return summary(c, key)
end

-- tenant ("": all), after which key ("": none), limit → summaries in the order of their keys
local function list(c)
  local tenant, after, limit = take(c), take(c), number(c)
  local found = {}
  local function add(from, to)
    for _, key in ipairs(call('ZRANGEBYLEX', index(c, 'keys'), from, to, 'LIMIT', 0, limit - #found)) do
      found[#found + 1] = summary(c, key)
    end
  end
  local from = after == '' and '-' or '(' .. after
  if tenant == '' then
    add(from, '+')
    return found
  end
  -- The tenant's range in each env; ";" is the character behind the separator ":".
  while #found < limit do
    local key = call('ZRANGEBYLEX', index(c, 'keys'), from, '+', 'LIMIT', 0, 1)[1]
    if not key then break end
    local env = string.match(key, '^[^:]*')
    local range = env .. ':' .. tenant
    local is_inside = string.sub(after, 1, #range + 1) == range .. ':'
    add(is_inside and '(' .. after or '[' .. range .. ':', '(' .. range .. ';')
    from = '[' .. env .. ';'
  end
  return found
end

-- key, limit → entries oldest first
local function read_journal(c)
  local key, limit = take(c), number(c)
  local entries = {}
  for _, entry in ipairs(call('LRANGE', at(c, 'j', key), -limit, -1)) do
    local at_ms = string.match(entry, '^%S+ (%S+) ')
    if tonumber(at_ms) + JOURNAL_RETENTION_MS > c.now then entries[#entries + 1] = entry end
  end
  return entries
end

local function is_kept(c, entry, keep)
  return tonumber(string.match(entry, '^%d+ (%S+)')) + keep > c.now
end

-- conversation, after, limit, how old they may be ("": as their log says) → entries oldest first
local function read_log(c)
  local conversation, after, limit, asked = take(c), take(c), number(c), number(c)
  local next_index, keep = log_end(c, conversation)
  local found, from = {}, 0
  if not next_index then return found end
  if asked then keep = math.min(asked, keep or asked) end
  while #found < limit do
    local page = call('ZRANGEBYSCORE', at(c, 'g', conversation), '(' .. after, '+inf', 'LIMIT', from, limit - #found)
    for _, entry in ipairs(page) do
      if not keep or is_kept(c, entry, keep) then found[#found + 1] = entry end
    end
    if #page == 0 then break end
    from = from + #page
  end
  return found
end

-- tenant, before, limit, scanned at most → where to go on or "", letters newest first
local function list_dead(c)
  local tenant, before, limit, scan = take(c), take(c), number(c), number(c)
  local page = call('ZREVRANGEBYSCORE', index(c, 'dead'), '(' .. before, '-inf', 'LIMIT', 0, scan)
  local letters, last = {}, ''
  for _, member in ipairs(page) do
    local order, whose = string.match(member, '^(%d+) (.*)$')
    last = order
    if tenant == '' or whose == tenant then letters[#letters + 1] = call('HMGET', at(c, 'm', order), 'k', 'r', 't', 'e') end
    if #letters >= limit then break end
  end
  if #letters < limit and #page < scan then last = '' end
  return { last, letters }
end

local function drop_letter(c, order)
  local key = call('HGET', at(c, 'm', order), 'k')
  if not key then return false end
  call('DEL', at(c, 'm', order))
  call('ZREM', index(c, 'dead'), order .. ' ' .. tenant_of(key))
  return true
end

-- order → 1 | 0
local function drop_dead(c)
  local order = take(c)
  local before = told(c)
  if before then return tonumber(before) end
  if not drop_letter(c, order) then return 0 end
  return tell(c, '1')
end

-- order → 1 | 0
local function redrive(c)
  local order = take(c)
  local before = told(c)
  if before then return tonumber(before) end
  local letter = call('HMGET', at(c, 'm', order), 'k', 'e')
  if not letter[1] then return 0 end
  drop_letter(c, order)
  local dedupe, received, json = string.match(letter[2], '^%d+ %d (%S+) (%S+) (.*)$')
  append(c, letter[1], { forgotten = '0', dedupe = dedupe, received = received, json = json })
  refresh(c, letter[1])
  return tell(c, '1')
end

-- key → 1 | 0
local function end_session(c)
  local key = take(c)
  local before = told(c)
  if before then return tonumber(before) end
  if is_empty(c, key) then return 0 end
  forget(c, key)
  return tell(c, '1')
end

-- Drops entries of logs that are past their time; what is left of the log counts on.
local function drop_entries(c)
  for _, conversation in ipairs(call('ZRANGEBYSCORE', index(c, 'logs'), '-inf', text(c.now), 'LIMIT', 0, LOGS_MAX)) do
    local log = at(c, 'g', conversation)
    local _, keep = log_end(c, conversation)
    while keep do
      local oldest = call('ZRANGE', log, 0, 0)[1]
      if not oldest or is_kept(c, oldest, keep) then break end
      call('ZREM', log, oldest)
    end
    file_log(c, conversation, keep)
  end
end

local function drop_expired(c)
  drop_entries(c)
  for _, order in ipairs(call('ZRANGEBYSCORE', index(c, 'sent'), '-inf', text(c.now - SENT_RETENTION_MS), 'LIMIT', 0, DUE_MAX)) do
    drop_row(c, order)
  end
  for _, key in ipairs(call('ZRANGEBYSCORE', index(c, 'expiry'), '-inf', text(c.now), 'LIMIT', 0, DUE_MAX)) do
    local held = call('HMGET', at(c, 's', key), 'f', 'u', 'h')
    if is_free(c, held) and call('EXISTS', at(c, 'i', key)) == 0 then
      forget(c, key)
    else
      -- Its next commit sets the time anew; until then it mustn't hold up the others.
      call('ZADD', index(c, 'expiry'), text(c.now + EXPIRED_AGAIN_MS), key)
    end
  end
end

-- The first that wait; where there are more than there is room for, one tenant's crowd takes half of it while others wait behind. Each
-- sweep looks at one page behind the first, another each time: to look at all of them would keep the server from its work.
local function waiting(c, limit)
  local keys = call('ZRANGE', index(c, 'run'), 0, limit - 1)
  if #keys < limit then return keys end
  local pages = math.min(LOOK_BEHIND, math.ceil(call('ZCARD', index(c, 'run')) / limit))
  local from = pages > 1 and (1 + c.now % (pages - 1)) * limit or nil
  local behind = from and call('ZRANGE', index(c, 'run'), from, from + limit - 1) or {}
  local picked, rest, shares = {}, {}, {}
  for _, page in ipairs({ keys, behind }) do
    for _, key in ipairs(page) do
      local tenant = tenant_of(key)
      local share = shares[tenant] or 0
      if share < limit / 2 then
        shares[tenant] = share + 1
        picked[#picked + 1] = key
        if #picked == limit then return picked end
      else
        rest[#rest + 1] = key
      end
    end
  end
  for n = 1, limit - #picked do picked[#picked + 1] = rest[n] end
  return picked
end

-- limit → sessions, whether sends are ready, next timer | ""
local function sweep(c)
  local limit = number(c)
  drop_expired(c)
  wake(c)
  wake_delayed(c)
  local is_ready = next_ready(c) ~= nil or call('ZCOUNT', index(c, 'claimed'), '-inf', text(c.mono)) > 0
  local timer = call('ZRANGEBYSCORE', index(c, 'timers'), '(' .. text(c.now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return { waiting(c, limit), is_ready and 1 or 0, timer[2] or '' }
end

-- → unread, oldest, queued or being sent, oldest, unknown, failed, dead letters, sessions with a record
local function stats(c)
  local function count(name) return call('ZCARD', index(c, name)) end
  local unread = call('ZRANGE', index(c, 'unread'), 0, 0)[1]
  local oldest
  for _, status in ipairs({ '0', '1' }) do
    local member = call('ZRANGE', index(c, 'rows:' .. status), 0, 0)[1]
    local order = member and string.match(member, '^%d+')
    if order and (not oldest or tonumber(order) < tonumber(oldest)) then oldest = order end
  end
  return {
    count('unread'),
    unread and string.match(unread, ' (.*)$') or '',
    count('rows:0') + count('rows:1'),
    oldest and call('HGET', at(c, 'o', oldest), 't') or '',
    count('rows:4'),
    count('rows:3'),
    count('dead'),
    tonumber(call('GET', index(c, 'records')) or '0'),
  }
end

-- env:tenant, after which key, how many → behind which key to go on or "", bytes. Lengths are read without what they are of.
local function stored_bytes(c)
  local prefix, after, limit = take(c), take(c), number(c)
  local keys = call('ZRANGEBYLEX', index(c, 'keys'), '(' .. after, '(' .. prefix .. ';', 'LIMIT', 0, limit)
  local bytes = 0
  for _, key in ipairs(keys) do
    bytes = bytes + call('HSTRLEN', at(c, 's', key), 'b')
    for _, name in ipairs(call('HKEYS', at(c, 'v', key))) do
      bytes = bytes + #name + call('HSTRLEN', at(c, 'v', key), name)
    end
  end
  return { #keys < limit and '' or keys[limit], bytes }
end

-- capacity, per second, tokens → 0 | milliseconds to wait. KEYS[1] is the bucket.
local function take_tokens(c)
  local capacity, per_second, tokens = number(c), number(c), number(c)
  local bucket = call('HMGET', c.base, 'n', 't')
  local level = tonumber(bucket[1] or capacity)
  local passed = math.max(0, c.mono - tonumber(bucket[2] or c.mono))
  level = math.min(capacity, level + passed * per_second / 1000)
  local wait = 0
  if level >= tokens then level = level - tokens else wait = math.max(1, math.ceil((tokens - level) * 1000 / per_second)) end
  call('HSET', c.base, 'n', string.format('%.6f', level), 't', text(c.mono))
  call('PEXPIRE', c.base, text(math.ceil(capacity * 1000 / per_second) + 1000))
  return wait
end
