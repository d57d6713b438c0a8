-- Keeps an answer, and forgets others until the route's and the tenant's shares have room again.
-- KEYS: answer, and the set of all prefixes of the tenant; what lies below a prefix has the same hash tag
-- ARGV: digest, packed answer, ttl in ms, now in Unix ms, most answers, most bytes, the route's prefix, ttl of the rest,
--       most bytes of the tenant
local function forget(prefix, digest)
  local size = tonumber(redis.call('HGET', prefix .. 'sizes', digest) or '0')
  redis.call('DEL', prefix .. 'a:' .. digest)
  redis.call('HDEL', prefix .. 'sizes', digest)
  redis.call('ZREM', prefix .. 'used', digest)
  redis.call('ZREM', prefix .. 'ends', digest)
  redis.call('DECRBY', prefix .. 'bytes', size)
  return size
end

local function forget_ended(prefix, now)
  -- Redis has let these go already; what is left over goes at the next times.
  local freed = 0
  for _, ended in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'ends', '-inf', now, 'LIMIT', 0, 100)) do
    freed = freed + forget(prefix, ended)
  end
  return freed
end

local digest, now, ttl, prefix = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[3]), ARGV[7]
local used, sizes, bytes = prefix .. 'used', prefix .. 'sizes', prefix .. 'bytes'
forget_ended(prefix, now)
if redis.call('HEXISTS', sizes, digest) == 1 then
  forget(prefix, digest)
end
local size = string.len(ARGV[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ttl)
redis.call('ZADD', used, now, digest)
redis.call('ZADD', prefix .. 'ends', now + ttl, digest)
redis.call('HSET', sizes, digest, size)
local total = redis.call('INCRBY', bytes, size)
local count = redis.call('ZCARD', used)
while count > tonumber(ARGV[5]) or total > tonumber(ARGV[6]) do
  local oldest = redis.call('ZRANGE', used, 0, 0)[1]
  if not oldest then
    break
  end
  total = total - forget(prefix, oldest)
  count = count - 1
end
for _, name in ipairs({'used', 'ends', 'sizes', 'bytes'}) do
  redis.call('PEXPIRE', prefix .. name, ARGV[8])
end

redis.call('SADD', KEYS[2], prefix)
local all, others = 0, {}
for _, other in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local held = tonumber(redis.call('GET', other .. 'bytes') or '0')
  if held > 0 then
    all = all + held
    others[#others + 1] = other
  elseif other ~= prefix then
    redis.call('SREM', KEYS[2], other)
  end
end
if all > tonumber(ARGV[9]) then
  for _, other in ipairs(others) do
    all = all - forget_ended(other, now)
  end
end
while all > tonumber(ARGV[9]) do
  local least, where, which = nil, nil, nil
  for _, other in ipairs(others) do
    local first = redis.call('ZRANGE', other .. 'used', 0, 0, 'WITHSCORES')
    if first[1] and (not least or tonumber(first[2]) < least) then
      least, where, which = tonumber(first[2]), other, first[1]
    end
  end
  if not least then
    break
  end
  all = all - forget(where, which)
end
return all
