
-- Sessions: what they have to do, who holds them, what a lease carries.

local function due_timers(c, key)
  local all = call('HGETALL', at(c, 't', key))
  local due = {}
  for i = 1, #all, 2 do
    local at_ms, payload = string.match(all[i + 1], '^(%S+) (.*)$')
    if tonumber(at_ms) <= c.now then
      due[#due + 1] = all[i]
      due[#due + 1] = at_ms
      due[#due + 1] = payload
    end
  end
  return due, #all > 0
end

local function has_work(c, key)
  if call('EXISTS', at(c, 'i', key)) == 1 then return true end
  return #due_timers(c, key) > 0
end

local function is_free(c, held)
  return not held[1] or tonumber(held[2]) <= c.mono or is_from_later(c, held[3])
end

-- Files a session among those that can be leased, behind the others, or takes it out.
local function file_session(c, key, is_open)
  if not is_open then
    call('ZREM', index(c, 'run'), key)
  elseif not call('ZSCORE', index(c, 'run'), key) then
    call('ZADD', index(c, 'run'), text(draw(c)), key)
  end
end

-- What was found due left the index. Where the clock was set back it isn't due any more, and must be found again.
local function refile_timers(c, key)
  local all = call('HGETALL', at(c, 't', key))
  for i = 1, #all, 2 do
    local at_ms = string.match(all[i + 1], '^(%S+) ')
    if tonumber(at_ms) > c.now then call('ZADD', index(c, 'timers'), at_ms, key .. ' ' .. all[i]) end
  end
end

-- Files a session whose lease or work changed.
local function refresh(c, key)
  local held = call('HMGET', at(c, 's', key), 'f', 'u', 'h')
  local is_idle = not has_work(c, key)
  file_session(c, key, is_free(c, held) and not is_idle)
  if is_idle then refile_timers(c, key) end
end

local function carry(c, key, fence, attempt)
  return {
    key,
    fence,
    call('HGET', at(c, 's', key), 'b'),
    call('ZRANGE', at(c, 'i', key), 0, LEASE_INBOX_MAX - 1),
    (due_timers(c, key)),
    call('HGETALL', at(c, 'v', key)),
    call('HVALS', at(c, 'e', key)),
    attempt,
  }
end

local function hold(c, key, until_ms)
  call('HSET', at(c, 's', key), 'u', text(until_ms), 'h', text(c.mono))
  call('ZADD', index(c, 'held'), text(until_ms), key)
  call('ZREM', index(c, 'run'), key)
end

-- What `is_free`, `grant` and `append` ask of a session.
local function held_by(c, key)
  return call('HMGET', at(c, 's', key), 'f', 'u', 'h', 'a', 'n', 'l', 'c')
end

-- Hands a session to a worker, whoever held it before.
local function grant(c, key, held, worker, ttl)
  local attempt = tonumber(held[4] or '0')
  -- Whoever held it neither committed nor gave it back.
  if held[1] then attempt = attempt + 1 end
  local fence = text(draw(c))
  local until_ms = text(c.mono + tonumber(ttl))
  call('HSET', at(c, 's', key), 'f', fence, 'w', worker, 't', ttl, 'a', attempt, 'n', c.token, 'u', until_ms, 'h', text(c.mono))
  call('ZADD', index(c, 'held'), until_ms, key)
  call('ZREM', index(c, 'run'), key)
  return carry(c, key, fence, attempt)
end

-- The lease that this very request was granted before its answer was lost.
local function granted(c, key)
  local held = call('HMGET', at(c, 's', key), 'f', 'n', 'a')
  if held[1] and held[2] == c.token then return carry(c, key, held[1], tonumber(held[3] or '0')) end
  return nil
end

-- Takes a session from its worker; its attempts are forgotten where `also` names them.
local function free(c, key, also)
  call('HDEL', at(c, 's', key), 'f', 'w', 'u', 'h', 't', 'n', 'l', also or 'l')
  call('ZREM', index(c, 'held'), key)
end

local function clear_timers(c, key)
  for _, once in ipairs(call('HKEYS', at(c, 't', key))) do
    call('ZREM', index(c, 'timers'), key .. ' ' .. once)
  end
  call('DEL', at(c, 't', key))
end

local function consume(c, key, entry)
  local order, received = string.match(entry, '^(%d+) %d %S+ (%S+) ')
  call('ZREM', at(c, 'i', key), entry)
  call('ZREM', index(c, 'unread'), order .. ' ' .. received)
end

-- Drops a session with all that is only its own.
local function forget(c, key)
  if call('HEXISTS', at(c, 's', key), 'b') == 1 then call('DECR', index(c, 'records')) end
  clear_timers(c, key)
  for _, entry in ipairs(call('ZRANGE', at(c, 'i', key), 0, -1)) do consume(c, key, entry) end
  call('DEL', at(c, 's', key), at(c, 'v', key), at(c, 'e', key))
  for _, name in ipairs({ 'keys', 'run', 'held', 'expiry' }) do call('ZREM', index(c, name), key) end
end

local function drop_logs_of(c, conversation)
  call('ZREM', index(c, 'logs'), conversation)
  local dropped = call('DEL', at(c, 'g', conversation))
  return math.max(dropped, call('DEL', at(c, 'n', conversation)))
end

-- The index of a log's next entry and how long each is kept, if anybody said; nothing where there is no log, or none any more.
local function log_end(c, conversation)
  local head = call('HMGET', at(c, 'n', conversation), 'n', 'k', 't')
  local number, keep, at_ms = tonumber(head[1] or '0'), tonumber(head[2] or ''), tonumber(head[3] or '0')
  local newest = call('ZRANGE', at(c, 'g', conversation), -1, -1)[1]
  if newest then
    local last, last_ms = string.match(newest, '^(%d+) (%S+)')
    number, at_ms = math.max(number, tonumber(last) + 1), math.max(at_ms, tonumber(last_ms))
  end
  if at_ms + math.max(LOG_RETENTION_MS, keep or 0) <= c.now then return nil end
  return number, keep
end

-- Files a log by the time at which its oldest entry goes.
local function file_log(c, conversation, keep)
  local oldest = keep and call('ZRANGE', at(c, 'g', conversation), 0, 0)[1]
  if oldest then
    call('ZADD', index(c, 'logs'), text(tonumber(string.match(oldest, '^%d+ (%S+)')) + keep), conversation)
  else
    call('ZREM', index(c, 'logs'), conversation)
  end
end

-- "": nobody says how long.
local function append_log(c, conversation, activity, keep)
  local log, head = at(c, 'g', conversation), at(c, 'n', conversation)
  local number, kept = log_end(c, conversation)
  if not number then
    drop_logs_of(c, conversation)
    number = 0
  end
  local keep_ms = tonumber(keep)
  call('ZADD', log, number, number .. ' ' .. text(c.now) .. ' ' .. activity)
  call('ZREMRANGEBYRANK', log, 0, -1 - LOG_ENTRIES_MAX)
  local stays = text(math.max(LOG_RETENTION_MS, keep_ms or 0))
  call('PEXPIRE', log, stays)
  if keep_ms then
    call('HSET', head, 'k', keep, 'n', number + 1, 't', text(c.now))
    call('PEXPIRE', head, stays)
  elseif kept then
    call('DEL', head)
  end
  if keep_ms or kept then file_log(c, conversation, keep_ms) end
  return number
end

local function append(c, key, entry)
  local order = text(draw(c))
  call('ZADD', at(c, 'i', key), order, order .. ' ' .. entry.forgotten .. ' ' .. entry.dedupe .. ' ' .. entry.received .. ' ' .. entry.json)
  call('ZADD', index(c, 'unread'), order, order .. ' ' .. entry.received)
  -- A session that outlived a commit is listed already.
  if not entry.is_listed then call('ZADD', index(c, 'keys'), 0, key) end
  return order
end

-- key, dedupe, received, json, dedupe ttl, is unnamed, has log, log, worker, lease ttl, log kept for → "new" | "known", log index, lease | answer
local function accept(c)
  local key, dedupe, json = take(c), take(c), take(c)
  local ttl, is_unnamed, has_log, log = number(c), take(c) == '1', take(c) == '1', take(c)
  local worker, lease_ttl, log_keep = take(c), take(c), take(c)
  local delivery = at(c, 'd', channel_of(key) .. ':' .. dedupe)
  local first = call('HMGET', delivery, 'x', 'l', 'a', 'n')
  local held = held_by(c, key)
  if first[1] and tonumber(first[1]) > c.now then
    if first[4] ~= c.token then return { 'known', first[2], first[3] } end
    return { 'new', first[2], granted(c, key) or false }
  end
  -- A delivery that isn't remembered is known by the lease that went with it.
  if held[1] and held[5] == c.token then return { 'new', held[6], granted(c, key) or false } end

  local is_leased = worker ~= '' and is_free(c, held)
  local is_forgotten = is_unnamed and is_leased
  local order = append(c, key, {
    forgotten = is_forgotten and '1' or '0',
    dedupe = dedupe,
    -- Its timers fall due by this clock, so messages arrive by it: gateways' own may differ.
    received = text(c.now),
    json = json,
    is_listed = held[7],
  })
  local log_index = false
  if has_log then log_index = append_log(c, conversation_of(key), log, log_keep) end
  if not is_forgotten and ttl > 0 then
    if first[1] then call('DEL', delivery) end
    call('HSET', delivery, 'x', text(c.now + ttl), 'o', order, 'n', c.token, 'k', key)
    if log_index then call('HSET', delivery, 'l', log_index) end
    call('PEXPIRE', delivery, text(ttl + DELIVERY_SLACK_MS))
  end
  if not is_leased then
    if is_free(c, held) then file_session(c, key, true) end
    return { 'new', log_index, false }
  end
  local lease = grant(c, key, held, worker, lease_ttl)
  if is_forgotten and log_index then call('HSET', at(c, 's', key), 'l', log_index) end
  return { 'new', log_index, lease }
end

-- Makes sessions leasable whose timers fell due or whose leases expired.
local function wake(c)
  for _, member in ipairs(call('ZRANGEBYSCORE', index(c, 'timers'), '-inf', text(c.now), 'LIMIT', 0, DUE_MAX)) do
    call('ZREM', index(c, 'timers'), member)
    refresh(c, string.match(member, '^(%S+) '))
  end
  for _, key in ipairs(call('ZRANGEBYSCORE', index(c, 'held'), '-inf', text(c.mono), 'LIMIT', 0, DUE_MAX)) do
    call('ZREM', index(c, 'held'), key)
    refresh(c, key)
  end
  if not is_set_back(c) then return end
  for _, key in ipairs(call('ZREVRANGEBYSCORE', index(c, 'held'), '+inf', text(c.mono), 'LIMIT', 0, DUE_MAX)) do
    if is_from_later(c, call('HGET', at(c, 's', key), 'h')) then
      call('ZREM', index(c, 'held'), key)
      refresh(c, key)
    end
  end
end

local function lease_any(c, worker, limit, ttl)
  local leases = {}
  if c.again then
    for _, key in ipairs(call('ZRANGE', index(c, 'held'), 0, -1)) do leases[#leases + 1] = granted(c, key) end
    if #leases > 0 then return leases end
  end
  while #leases < limit do
    local keys = call('ZRANGE', index(c, 'run'), 0, limit - #leases - 1)
    if #keys == 0 then break end
    for _, key in ipairs(keys) do
      local held = held_by(c, key)
      if is_free(c, held) and has_work(c, key) then
        leases[#leases + 1] = grant(c, key, held, worker, ttl)
      else
        refresh(c, key)
      end
    end
  end
  return leases
end

-- worker, limit, ttl, has keys, keys → leases
local function lease(c)
  local worker, limit, ttl, has_keys = take(c), number(c), take(c), take(c) == '1'
  wake(c)
  if not has_keys then return lease_any(c, worker, limit, ttl) end
  local leases, seen = {}, {}
  for _, item in ipairs(items(c, 1)) do
    if #leases >= limit then break end
    local key = item[1]
    if not seen[key] then
      seen[key] = true
      local had = c.again and granted(c, key)
      local held = held_by(c, key)
      if had then
        leases[#leases + 1] = had
      elseif is_free(c, held) and has_work(c, key) then
        leases[#leases + 1] = grant(c, key, held, worker, ttl)
      elseif not held[1] then
        refresh(c, key)
      end
    end
  end
  return leases
end

-- key, fence, ttl → 1 | 0
local function renew(c)
  local key, fence, ttl = take(c), take(c), number(c)
  if call('HGET', at(c, 's', key), 'f') ~= fence then return 0 end
  hold(c, key, c.mono + ttl)
  return 1
end

-- key, fence
local function release(c)
  local key, fence = take(c), take(c)
  if call('HGET', at(c, 's', key), 'f') ~= fence then return 0 end
  free(c, key)
  refresh(c, key)
  return 1
end

-- key, fence, turn:seq, json → json of the first | "fence"
local function record(c)
  local key, fence, name, json = take(c), take(c), take(c), take(c)
  if call('HGET', at(c, 's', key), 'f') ~= fence then return { 'fence' } end
  if call('HSETNX', at(c, 'e', key), name, json) == 1 then return { 'ok' } end
  return { 'ok', call('HGET', at(c, 'e', key), name) }
end
