-- Places: a concurrency limit is a sorted set of call ids scored by the time their lease ends, so the places of a dead
-- worker free themselves. Second part of admission's script: see admission.lua.
--
-- Where calls may wait for a place there is also a queue: a sorted set of "<call id>|<worker>" scored by class and
-- instant of arrival (interactive before batch, first come first served within a class), and a sorted set of the same
-- members scored by when they give up. A call may take a place only if there is one for everybody ahead of it as well.
-- Whoever frees a place tells the worker of the first in the queue, on the channel "admission:<worker>".

local CLASS = 4503599627370496 -- 2^52: more than the microseconds since 1970, and class + instant is still exact
local MAX_QUEUED = 1000

local function exact(number)
  return string.format('%.0f', number)
end

local function take_place(name, used, id, lease)
  redis.call('ZADD', name, now + lease, id)
  if used == 0 then
    redis.call('PEXPIRE', name, lease)
  else
    redis.call('PEXPIRE', name, lease, 'GT')
  end
end

local function wake_first(queue)
  local first = redis.call('ZRANGE', queue, 0, 0)[1]
  if first then
    local call, worker = string.match(first, '^(.*)|([^|]*)$')
    redis.call('PUBLISH', 'admission:' .. worker, call)
  end
end

local function leave_queue(limit)
  redis.call('ZREM', limit.queue, limit.member)
  redis.call('ZREM', limit.patience, limit.member)
end

-- Whether the call has to wait for a place; sets limit.score, and limit.full when there is no room to wait in.
local function must_wait(limit, position)
  local gone = redis.call('ZRANGEBYSCORE', limit.patience, '-inf', now)
  if #gone > 0 then
    redis.call('ZREM', limit.queue, unpack(gone))
    redis.call('ZREM', limit.patience, unpack(gone))
  end
  limit.queued = limit.score ~= ''
  if not limit.queued then limit.score = exact(limit.class * CLASS + now_us + position) end
  local ahead = redis.call('ZCOUNT', limit.queue, '-inf', '(' .. limit.score)
  if limit.used + ahead + limit.cost <= limit.limit then return false end
  limit.full = not limit.queued and redis.call('ZCARD', limit.queue) >= MAX_QUEUED
  return true
end

local function join_queue(limit)
  redis.call('ZADD', limit.queue, limit.score, limit.member)
  redis.call('ZADD', limit.patience, 'NX', now + limit.window, limit.member)
  redis.call('PEXPIRE', limit.queue, limit.window * 2)
  redis.call('PEXPIRE', limit.patience, limit.window * 2)
end
