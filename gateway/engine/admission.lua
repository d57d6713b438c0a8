-- Admits and settles a whole batch of calls in one atomic step.
--
-- A windowed limit (requests, tokens) is a hash of SLOTS sub-buckets: field "<slot number>" holds what was
-- counted in that slice of the window, "t" their sum and "l" the newest slot. Advancing time subtracts the
-- slots that left the window, so a check is O(1) amortised, and no window admits more than the limit. A
-- concurrency limit is a sorted set of call ids scored by the time their lease ends, so the places of a dead
-- worker free themselves.
--
-- A call is checked against all its limits before it counts in any: a refused call consumes nothing.
--
-- ARGV: number of settlements, then per settlement: kind ("c"|"w"), [c: call id] | [w: slot, delta]
--       number of calls, then per call: call id, lease ms, number of limits,
--         then per limit: kind ("c"|"w"), limit, window ms, cost
-- KEYS: one per settlement, then one per limit, in the same order.
-- Reply: per call {refused limit (1-based) or 0, then per limit: remaining, reset ms, slot}

local SLOTS = 120
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local a, k = 1, 1

local function argument()
  local value = ARGV[a]
  a = a + 1
  return value
end

local function key()
  local value = KEYS[k]
  k = k + 1
  return value
end

local function settle_window(name, slot, delta)
  -- A slot that has left the window is gone from the total: nothing to correct.
  local counted = redis.call('HMGET', name, slot, 't')
  if counted[1] then
    redis.call('HSET', name, slot, tonumber(counted[1]) + delta, 't', tonumber(counted[2]) + delta)
  end
end

for _ = 1, tonumber(argument()) do
  local name, kind = key(), argument()
  if kind == 'c' then
    redis.call('ZREM', name, argument())
  else
    local slot = argument()
    settle_window(name, slot, argument())
  end
end

-- Reads a window: what it counts now, its slot of this moment, that slot's count, and the newest slot it has.
local function advance(name, width)
  local slot = math.floor(now / width)
  local head = redis.call('HMGET', name, 't', 'l', slot)
  local total, last, here = tonumber(head[1]) or 0, tonumber(head[2]), tonumber(head[3]) or 0
  local expired = slot - SLOTS
  if not last or expired < last - SLOTS + 1 then
    return total, slot, here, last
  end
  if expired >= last then
    redis.call('DEL', name)
    return 0, slot, 0, nil
  end
  local names = {}
  for s = last - SLOTS + 1, expired do names[#names + 1] = tostring(s) end
  for _, value in ipairs(redis.call('HMGET', name, unpack(names))) do
    total = total - (tonumber(value) or 0)
  end
  redis.call('HDEL', name, unpack(names))
  redis.call('HSET', name, 't', total)
  return total, slot, here, last
end

-- When enough of the window will have passed for `needed` more units to fit (0 when they fit now).
local function reset_ms(name, slot, width, needed)
  if needed <= 0 then return 0 end
  local freed = 0
  for s = slot - SLOTS + 1, slot do
    freed = freed + (tonumber(redis.call('HGET', name, tostring(s))) or 0)
    if freed >= needed then return (s + SLOTS) * width - now end
  end
  return SLOTS * width
end

local replies = {}
for _ = 1, tonumber(argument()) do
  local id, lease, count = argument(), tonumber(argument()), tonumber(argument())
  local limits, refused = {}, 0
  for i = 1, count do
    local limit = {name = key(), kind = argument(), limit = tonumber(argument()),
                   window = tonumber(argument()), cost = tonumber(argument())}
    if limit.kind == 'c' then
      redis.call('ZREMRANGEBYSCORE', limit.name, '-inf', now)
      limit.used, limit.slot = redis.call('ZCARD', limit.name), 0
    else
      limit.width = math.max(1, math.floor(limit.window / SLOTS))
      limit.used, limit.slot, limit.here, limit.last = advance(limit.name, limit.width)
    end
    if refused == 0 and limit.used + limit.cost > limit.limit then refused = i end
    limits[i] = limit
  end
  local reply = {refused}
  for i, limit in ipairs(limits) do
    local used = limit.used
    if refused == 0 then
      used = used + limit.cost
      if limit.kind == 'c' then
        redis.call('ZADD', limit.name, now + lease, id)
        if limit.used == 0 then
          redis.call('PEXPIRE', limit.name, lease)
        else
          redis.call('PEXPIRE', limit.name, lease, 'GT')
        end
      else
        redis.call('HSET', limit.name, limit.slot, limit.here + limit.cost, 't', used, 'l', limit.slot)
        if limit.last ~= limit.slot then redis.call('PEXPIRE', limit.name, limit.window * 2) end
      end
    end
    local reset = 0
    if refused == i then
      -- When a place frees itself nobody knows: 0 says so.
      if limit.kind == 'w' then
        reset = reset_ms(limit.name, limit.slot, limit.width, used + limit.cost - limit.limit)
      end
    elseif limit.kind == 'w' then
      reset = limit.window
    end
    reply[#reply + 1] = math.max(0, limit.limit - used)
    reply[#reply + 1] = reset
    reply[#reply + 1] = limit.slot
  end
  replies[#replies + 1] = reply
end
return replies
