-- Makes an account, brings it up to what the ledger says, and takes in what a worker says again. Comes after
-- spending.lua, which describes an account.
--
-- KEYS account, leases, epoch
-- ARGV what the ledger has, its position ("-1": the ledger was not asked), generation for a new account,
--      when to forget it (Unix ms; 0 never), grace ms, tenant, hold ms, highest threshold told, limit, thresholds,
--      channel on which workers are asked to say again what they have outstanding,
--      number of calls that the ledger has, their ids,
--      number of entries, then each: call id, cost, lease end (Unix ms; 0: the call has ended)
-- Reply: {generation ("" when there is no account and the ledger was not asked), counted, consumed,
--         highest threshold told, then each crossed threshold}

local name, leases, epoch = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local spent, as_of, generation, forget = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local grace, tenant, hold, told = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local limit, thresholds = tonumber(ARGV[9]), ARGV[10]
local rebuilt = ARGV[11]
local position = 12

local function argument()
  local value = ARGV[position]
  position = position + 1
  return value
end

local state = redis.call('HMGET', name, 's', 'r', 'q', 'g', 'a', 't', 'l')
local reserved, ended = tonumber(state[2] or 0), tonumber(state[3] or 0)

local function drop(id)
  local cost = redis.call('HGET', name, ':' .. id)
  if not cost then return end
  if redis.call('ZREM', leases, id) == 1 then
    reserved = reserved - tonumber(cost)
  else
    ended = ended - tonumber(cost)
  end
  redis.call('HDEL', name, ':' .. id)
end

if not state[1] then
  if as_of < 0 then return {'', 0, 0, 0} end
  redis.call('DEL', leases)
  redis.call('HSET', name, 's', spent, 'a', ARGV[2], 'g', generation, 'x', ARGV[4], 't', 0, 'l', nano(limit))
  if forget > 0 then redis.call('PEXPIREAT', name, forget) end
  state = {spent, '0', '0', generation, ARGV[2], '0', nano(limit)}
  for _ = 1, tonumber(argument()) do argument() end
elseif as_of >= tonumber(state[5]) then
  -- An older answer is not applied: it would take back what a newer one has confirmed.
  for _ = 1, tonumber(argument()) do drop(argument()) end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do drop(id) end
  redis.call('HSET', name, 's', spent, 'a', ARGV[2])
  state[1] = spent
else
  for _ = 1, tonumber(argument()) do argument() end
end

for _ = 1, tonumber(argument()) do
  local id, cost, lease_end = argument(), tonumber(argument()), tonumber(argument())
  local known = redis.call('HGET', name, ':' .. id)
  if lease_end == 0 then
    drop(id)
    ended = ended + cost
    redis.call('HSET', name, ':' .. id, nano(cost))
  elseif not known and cost > 0 then
    reserved = reserved + cost
    redis.call('HSET', name, ':' .. id, nano(cost))
    redis.call('ZADD', leases, lease_end, id)
  end
end
if forget > 0 then redis.call('PEXPIREAT', leases, forget) end
redis.call('HSET', name, 'r', nano(reserved), 'q', nano(ended))

local opens = open_from(epoch)
if not opens then
  opens = now + grace
  redis.call('SET', epoch, nano(opens))
  redis.call('PUBLISH', rebuilt, tenant)
end
if hold > 0 and now + hold > opens then
  opens = now + hold
  redis.call('SET', epoch, nano(opens))
  redis.call('PUBLISH', rebuilt, tenant)
end

local highest = tonumber(state[6])
if told > highest then
  highest = told
  redis.call('HSET', name, 't', told)
end
local consumed = tonumber(state[1]) + ended
local reply = {state[4], consumed + reserved, consumed, highest}
if now >= opens then
  for _, percent in ipairs(crossed(name, consumed, consumed, limit, thresholds, highest, tonumber(state[7]))) do
    reply[#reply + 1] = percent
  end
end
return reply
