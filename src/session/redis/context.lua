-- The library of the Redis store: each function is one operation of `SessionStore`, which Redis runs as a whole or not at all.
--
-- keys: KEYS[1] is the shard's own key, `<prefix>:{<shard><letters>}`; every other key starts with it, so all lie in one slot:
--   s:<key>    hash    session: b record, f fence, w worker, u leased until, h since, t its ttl, a attempt, n who asked for the lease, l log index,
--                      c last commit
--   i:<key>    zset    unread messages by order: "<order> <is forgotten> <dedupe> <received> <json>"
--   v:<key>    hash    state
--   e:<key>    hash    steps of the open turn, by "<turn>:<seq>"
--   t:<key>    hash    timers, by once-key: "<due> <json>"
--   j:<key>    list    journal: "<revision> <at> <json>"
--   g:<conv>   zset    log by index: "<index> <at> <json>"
--   n:<conv>   hash    of a log whose entries are kept for a time of their own: k how long, n its next index, t its last entry's time
--   l:<conv>   zset    rows yet to be sent, by order        c:<conv>  hash  the claim on one of them
--   o:<order>  hash    outbox row                           m:<order> hash  dead letter
--   d:<channel>:<dedupe>  hash  a delivery that is remembered: x until, o order, l log index, n who, a answer, k whose
--   x:<…>      string  what a repeated request is told, for a minute
-- and the indexes: keys, run, held, timers, expiry, unread, ready, delay, claimed, ids, sent, dead, logs, rows:<status>; records counts.
--
-- args: now, monotonic ("" each: the server's clock), the request's token, whether it is a repetition, then the operation's own.

local DUE_MAX = 500
local REPEAT_MS = 60000
local STATUS = { queued = 0, sending = 1, sent = 2, failed = 3, unknown = 4, abandoned = 5 }
local SHARDS_MAX = 16
local DELIVERY_SLACK_MS = 60000
local SET_BACK_MS = 5000

-- Not there yet when a library loads; set by each operation.
local call

-- Lua writes numbers above 10^14 with an exponent.
local function text(n)
  return string.format('%.0f', n)
end

-- Runs one operation of the library.
local function run(operation, keys, args)
  call = redis.call
  local time = call('TIME')
  local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local millis = math.floor(micros / 1000)
  local c = {
    base = keys[1],
    micros = micros,
    now = tonumber(args[1]) or millis,
    mono = tonumber(args[2]) or millis,
    token = args[3],
    again = args[4] == '1',
    args = args,
    at = 4,
  }
  local answer = operation(c)
  if c.last then call('SET', c.base, text(c.last)) end
  return answer
end

local function take(c)
  c.at = c.at + 1
  return c.args[c.at]
end

local function number(c)
  return tonumber(take(c))
end

-- Reads "<count> <items…>", `width` arguments an item.
local function items(c, width)
  local list = {}
  for i = 1, number(c) do
    local item = {}
    for part = 1, width do item[part] = take(c) end
    list[i] = item
  end
  return list
end

local function at(c, kind, name)
  return c.base .. ':' .. kind .. ':' .. name
end

local function index(c, name)
  return c.base .. ':' .. name
end

-- Fences and orders: greater than all before, and never behind the clock, so that they rise even after a loss of data. The low
-- digits name the shard, which makes them unique in the whole store.
local function draw(c)
  if not c.last then
    c.last = math.max(tonumber(call('GET', c.base) or '0'), math.floor(c.micros / 8))
    c.shard = tonumber(string.match(c.base, '{(%d+)'))
  end
  c.last = c.last + 1
  return c.last * SHARDS_MAX + c.shard
end

-- Whether numbers are ahead of the clock, as they are after it was set back. What was held until a time that is far again must not
-- stay so for as long as the clock went back.
local function is_set_back(c)
  return tonumber(call('GET', c.base) or '0') - c.micros / 8 > SET_BACK_MS * 125
end

-- Whether something is held from a time on that is yet to come.
local function is_from_later(c, since)
  return since and tonumber(since) > c.mono + SET_BACK_MS
end

local function conversation_of(key)
  return string.match(key, '^(.*):[^:]*$')
end

local function channel_of(key)
  return string.match(key, '^[^:]*:[^:]*:[^:]*:[^:]*')
end

local function tenant_of(key)
  return string.match(key, '^[^:]*:([^:]*)')
end

-- What a request that can't be recognised by what it left behind answers when it is repeated.
local function told(c)
  return call('GET', at(c, 'x', c.token))
end

local function tell(c, answer)
  call('SET', at(c, 'x', c.token), answer, 'PX', REPEAT_MS)
  return tonumber(answer)
end
