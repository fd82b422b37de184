
-- Erasing what is kept of people, and what a store of several shards asks before it takes.

local function drop_log(c, key)
  return drop_logs_of(c, conversation_of(key))
end

-- Whether a session's key has the parts that are named; "" names none.
local function is_wanted(key, parts)
  local n = 0
  for part in string.gmatch(key, '[^:]+') do
    n = n + 1
    if parts[n] ~= '' and parts[n] ~= part then return false end
  end
  return true
end

-- keys → sessions that were there, logs
local function erase_session(c)
  local sessions, logs = 0, 0
  for _, item in ipairs(items(c, 1)) do
    local key = item[1]
    if not is_empty(c, key) then sessions = sessions + 1 end
    forget(c, key)
    call('DEL', at(c, 'j', key))
    logs = logs + drop_log(c, key)
  end
  return { sessions, logs }
end

-- orders → rows, logs. A row that somebody holds leaves its lane when its sender is done with it.
local function erase_rows(c)
  local rows, logs = 0, 0
  for _, item in ipairs(items(c, 1)) do
    local order = item[1]
    local key = call('HGET', at(c, 'o', order), 'k')
    if key then
      rows = rows + 1
      logs = logs + drop_log(c, key)
      drop_row(c, order)
    end
  end
  return { rows, logs }
end

-- orders → letters, logs
local function erase_dead(c)
  local letters, logs = 0, 0
  for _, item in ipairs(items(c, 1)) do
    local key = call('HGET', at(c, 'm', item[1]), 'k')
    if drop_letter(c, item[1]) then
      letters = letters + 1
      logs = logs + drop_log(c, key)
    end
  end
  return { letters, logs }
end

-- env, tenant, team, channel, conversation, user ("" each: any), deliveries → deliveries that say no more whose they are, logs
local function erase_answer(c)
  local parts = { take(c), take(c), take(c), take(c), take(c), take(c) }
  local deliveries, logs = 0, 0
  for _, item in ipairs(items(c, 1)) do
    local delivery = at(c, 'd', item[1])
    local key = call('HGET', delivery, 'k')
    if key and is_wanted(key, parts) then
      call('HDEL', delivery, 'a', 'k')
      deliveries = deliveries + 1
      logs = logs + drop_log(c, key)
    end
  end
  return { deliveries, logs }
end

-- conversations → logs
local function erase_log(c)
  local logs = 0
  for _, item in ipairs(items(c, 1)) do logs = logs + drop_logs_of(c, item[1]) end
  return { 0, logs }
end

-- "sessions" | "sends", limit → how many could be taken
local function waiting(c)
  local what, limit = take(c), number(c)
  if what == 'sessions' then
    wake(c)
    return math.min(limit, call('ZCARD', index(c, 'run')))
  end
  expire_claims(c)
  wake_delayed(c)
  return math.min(limit, call('ZCARD', index(c, 'ready')))
end
