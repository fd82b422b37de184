
-- The outbox: one lane a conversation, whose first row alone may leave.

local function is_pending(status)
  return status == '0' or status == '1' or status == '4'
end

local function row_of(c, order)
  local row = call('HMGET', at(c, 'o', order), 'b', 'k', 's', 'a', 'u', 'n', 't', 'e', 'd')
  if not row[1] then return nil end
  row[10] = order
  return row
end

local function set_status(c, order, from, to)
  local tenant = tenant_of(call('HGET', at(c, 'o', order), 'k'))
  call('HSET', at(c, 'o', order), 's', to)
  call('ZREM', index(c, 'rows:' .. from), order .. ' ' .. tenant)
  call('ZADD', index(c, 'rows:' .. to), order, order .. ' ' .. tenant)
end

-- Puts a lane that nobody holds where its first row belongs.
local function file(c, conversation)
  if call('EXISTS', at(c, 'c', conversation)) == 1 then return end
  local head = call('ZRANGE', at(c, 'l', conversation), 0, 0)[1]
  local not_before = head and tonumber(call('HGET', at(c, 'o', head), 'n') or '0')
  if head and not_before <= c.now then
    call('ZADD', index(c, 'ready'), head, conversation)
    call('ZREM', index(c, 'delay'), conversation)
  else
    call('ZREM', index(c, 'ready'), conversation)
    if head then
      call('ZADD', index(c, 'delay'), text(not_before), conversation)
    else
      call('ZREM', index(c, 'delay'), conversation)
    end
  end
end

local function add_row(c, key, id, body)
  local order = text(draw(c))
  local conversation = conversation_of(key)
  call('HSET', at(c, 'o', order), 'b', body, 'k', key, 's', '0', 'a', '0', 'u', '0', 'n', '0', 't', text(c.now), 'i', id)
  call('ZADD', index(c, 'rows:0'), order, order .. ' ' .. tenant_of(key))
  call('HSET', index(c, 'ids'), id, order)
  local lane = at(c, 'l', conversation)
  call('ZADD', lane, order, order)
  -- Behind others it changes nothing for its lane.
  if call('ZRANGE', lane, 0, 0)[1] == order and call('EXISTS', at(c, 'c', conversation)) == 0 then
    call('ZADD', index(c, 'ready'), order, conversation)
  end
end

-- Takes a row that is over out of all but the lists of its status.
local function unlane(c, order, conversation)
  call('ZREM', at(c, 'l', conversation), order)
end

local function drop_row(c, order)
  local row = call('HMGET', at(c, 'o', order), 'k', 's', 'i')
  if not row[1] then return end
  local conversation = conversation_of(row[1])
  call('ZREM', index(c, 'rows:' .. row[2]), order .. ' ' .. tenant_of(row[1]))
  call('ZREM', index(c, 'sent'), order)
  if call('HGET', index(c, 'ids'), row[3]) == order then call('HDEL', index(c, 'ids'), row[3]) end
  call('DEL', at(c, 'o', order))
  if call('HGET', at(c, 'c', conversation), 'o') == order then
    -- Its sender may be in the middle of it: the lane waits for the end, or for the claim's.
    call('HSET', at(c, 'c', conversation), 'g', 'gone')
  else
    unlane(c, order, conversation)
    file(c, conversation)
  end
end

local function unclaim(c, conversation)
  call('DEL', at(c, 'c', conversation))
  call('ZREM', index(c, 'claimed'), conversation)
  file(c, conversation)
end

local function expire_claim(c, conversation)
  local claim = call('HMGET', at(c, 'c', conversation), 'o', 'g')
  if claim[2] == '1' then
    set_status(c, claim[1], '1', '4')
    call('HSET', at(c, 'o', claim[1]), 'u', '1')
  elseif claim[2] == 'gone' then
    unlane(c, claim[1], conversation)
  end
  unclaim(c, conversation)
end

-- Frees lanes whose claims expired; what had begun is unknown for ever.
local function expire_claims(c)
  local claimed = index(c, 'claimed')
  for _, conversation in ipairs(call('ZRANGEBYSCORE', claimed, '-inf', text(c.mono), 'LIMIT', 0, DUE_MAX)) do
    expire_claim(c, conversation)
  end
  if not is_set_back(c) then return end
  for _, conversation in ipairs(call('ZREVRANGEBYSCORE', claimed, '+inf', text(c.mono), 'LIMIT', 0, DUE_MAX)) do
    if is_from_later(c, call('HGET', at(c, 'c', conversation), 'h')) then expire_claim(c, conversation) end
  end
end

local function wake_delayed(c)
  for _, conversation in ipairs(call('ZRANGEBYSCORE', index(c, 'delay'), '-inf', text(c.now), 'LIMIT', 0, DUE_MAX)) do
    call('ZREM', index(c, 'delay'), conversation)
    file(c, conversation)
  end
end

-- Lanes can be filed as ready and yet be delayed where a clock was set back; they are filed anew.
local function next_ready(c)
  for _ = 1, DUE_MAX do
    local conversation = call('ZRANGE', index(c, 'ready'), 0, 0)[1]
    if not conversation then return nil end
    local head = call('ZRANGE', at(c, 'l', conversation), 0, 0)[1]
    if head and tonumber(call('HGET', at(c, 'o', head), 'n') or '0') <= c.now then return conversation, head end
    file(c, conversation)
  end
  return nil
end

-- sender, limit, ttl → rows
local function claim_sends(c)
  local sender, limit, ttl = take(c), number(c), number(c)
  local rows = {}
  if c.again then
    for _, conversation in ipairs(call('ZRANGE', index(c, 'claimed'), 0, -1)) do
      local claim = call('HMGET', at(c, 'c', conversation), 'n', 'o')
      if claim[1] == c.token then rows[#rows + 1] = row_of(c, claim[2]) end
    end
    if #rows > 0 then return rows end
  end
  expire_claims(c)
  wake_delayed(c)
  while #rows < limit do
    local conversation, order = next_ready(c)
    if not conversation then break end
    local row = row_of(c, order)
    local expires = text(c.mono + ttl)
    call('HSET', at(c, 'c', conversation), 's', sender, 'a', row[4], 'o', order, 'g', '0', 'n', c.token, 'h', text(c.mono))
    call('ZADD', index(c, 'claimed'), expires, conversation)
    call('ZREM', index(c, 'ready'), conversation)
    rows[#rows + 1] = row
  end
  return rows
end

-- A claim is its sender's as long as nobody else has taken the row; the attempts tell it from a later one by the same sender.
local function is_held(claim, order, attempts, sender)
  return claim[1] == sender and claim[2] == attempts and claim[3] == order
end

-- conversation, order, attempts, sender → "ok" | "claim"
local function begin_send(c)
  local conversation, order, attempts, sender = take(c), take(c), take(c), take(c)
  local claim = call('HMGET', at(c, 'c', conversation), 's', 'a', 'o', 'g', 'b')
  if not is_held(claim, order, attempts, sender) then return 'claim' end
  if claim[4] ~= '0' then return claim[5] == c.token and 'ok' or 'claim' end
  call('HSET', at(c, 'c', conversation), 'g', '1', 'b', c.token)
  set_status(c, order, call('HGET', at(c, 'o', order), 's'), '1')
  call('HINCRBY', at(c, 'o', order), 'a', 1)
  return 'ok'
end

-- ttl, claims: conversation, order, attempts, sender
local function renew_sends(c)
  local ttl, renewed = number(c), {}
  for n, item in ipairs(items(c, 4)) do
    local claim = call('HMGET', at(c, 'c', item[1]), 's', 'a', 'o')
    local is_own = is_held(claim, item[2], item[3], item[4])
    renewed[n] = is_own and 1 or 0
    if is_own then
      call('ZADD', index(c, 'claimed'), text(c.mono + ttl), item[1])
      call('HSET', at(c, 'c', item[1]), 'h', text(c.mono))
    end
  end
  return renewed
end

-- conversation, order, attempts, sender, kind, error, delay ("": none), receipt → "ok" | "claim" | "begun"
local function end_send(c)
  local conversation, order, attempts, sender = take(c), take(c), take(c), take(c)
  local kind, error_code, delay, receipt = take(c), take(c), take(c), take(c)
  local row = at(c, 'o', order)
  local now = call('HMGET', row, 's', 'i', 'z', 'y')
  if now[3] == c.token then return 'ok' end
  local claim = call('HMGET', at(c, 'c', conversation), 's', 'a', 'o', 'g')
  if not is_held(claim, order, attempts, sender) then return told(c) or 'claim' end
  if claim[4] == 'gone' then
    unlane(c, order, conversation)
    unclaim(c, conversation)
    tell(c, 'ok')
    return 'ok'
  end
  if now[1] == '0' and (kind == 'sent' or kind == 'unknown') then return 'begun' end
  local status = kind == 'retry' and '0' or text(STATUS[kind])
  set_status(c, order, now[1], status)
  call('HSET', row, 'n', delay == '' and '0' or text(c.now + tonumber(delay)), 'z', c.token)
  if kind == 'unknown' then call('HSET', row, 'u', '1') end
  if error_code ~= '' then call('HSET', row, 'e', error_code) end
  if receipt ~= '' then call('HSET', row, 'r', receipt) end
  if not is_pending(status) then
    unlane(c, order, conversation)
    call('HSET', row, 'd', text(c.now))
  end
  if kind == 'sent' then
    call('ZADD', index(c, 'sent'), text(c.now), order)
    if call('HGET', index(c, 'ids'), now[2]) == order then call('HDEL', index(c, 'ids'), now[2]) end
  end
  unclaim(c, conversation)
  return 'ok'
end

-- id → 1 | 0
local function retry_send(c)
  local id = take(c)
  local before = told(c)
  if before then return tonumber(before) end
  local order = call('HGET', index(c, 'ids'), id)
  local row = order and call('HMGET', at(c, 'o', order), 's', 'k') or {}
  if row[1] ~= '3' and row[1] ~= '4' and row[1] ~= '5' then return 0 end
  local conversation = conversation_of(row[2])
  set_status(c, order, row[1], '0')
  call('HSET', at(c, 'o', order), 'n', '0')
  call('HDEL', at(c, 'o', order), 'd')
  call('ZADD', at(c, 'l', conversation), order, order)
  file(c, conversation)
  return tell(c, '1')
end

-- id, code → 1 | 0
local function abandon_send(c)
  local id, code = take(c), take(c)
  local before = told(c)
  if before then return tonumber(before) end
  local order = call('HGET', index(c, 'ids'), id)
  local key = order and call('HGET', at(c, 'o', order), 'k')
  if not key then return 0 end
  local conversation = conversation_of(key)
  local claim = call('HMGET', at(c, 'c', conversation), 'o', 'h')
  if claim[1] == order then
    local ends = tonumber(call('ZSCORE', index(c, 'claimed'), conversation) or '0')
    if ends > c.mono and not is_from_later(c, claim[2]) then return 0 end
    expire_claim(c, conversation)
  end
  local status = call('HGET', at(c, 'o', order), 's')
  if status ~= '0' and status ~= '4' then return 0 end
  set_status(c, order, status, '5')
  call('HSET', at(c, 'o', order), 'n', '0', 'e', code, 'd', text(c.now))
  unlane(c, order, conversation)
  file(c, conversation)
  return tell(c, '1')
end

-- order → 1 | 0
local function drop_send(c)
  local order = take(c)
  local before = told(c)
  if before then return tonumber(before) end
  local status = call('HGET', at(c, 'o', order), 's')
  if not status or is_pending(status) then return 0 end
  drop_row(c, order)
  return tell(c, '1')
end

-- status, tenant ("": any), before ("+inf": newest), limit, scanned at most → where to go on or "", rows newest first
local function list_rows(c)
  local status, tenant, before, limit, scan = take(c), take(c), take(c), number(c), number(c)
  local page = call('ZREVRANGEBYSCORE', index(c, 'rows:' .. status), '(' .. before, '-inf', 'LIMIT', 0, scan)
  local rows, last = {}, ''
  for _, member in ipairs(page) do
    local order, whose = string.match(member, '^(%d+) (.*)$')
    last = order
    if tenant == '' or whose == tenant then rows[#rows + 1] = row_of(c, order) end
    if #rows >= limit then break end
  end
  if #rows < limit and #page < scan then last = '' end
  return { last, rows }
end
