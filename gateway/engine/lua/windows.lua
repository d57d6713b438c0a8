-- Rate windows and the clock. First part of admission's script: see admission.lua.
--
-- A window is a hash of SLOTS sub-buckets: field "<slot number>" holds what was counted in that slice of it, "t" their
-- sum and "l" the newest slot. Advancing time subtracts the slots that left the window, so a check is O(1) amortised,
-- and no window admits more than the limit.

local SLOTS = 120
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
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
