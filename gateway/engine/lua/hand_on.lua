-- Hands a sampled call on, within what each evaluation takes of its route in an hour and what the queue holds.
-- KEYS: the queue, what was lost by reason, what was taken in this hour.
-- ARGV: longest time in the queue (ms), calls in the queue, the call, calls lost on the way here;
--       then for each evaluation: id, field of the route, 1 where chance has chosen, least and most in an hour.
-- Returns what was taken by each evaluation.
local queue, lost, taken = KEYS[1], KEYS[2], KEYS[3]
local ttl_ms, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, counts = {}, {}

for at = 5, #ARGV, 5 do
  local count = tonumber(redis.call('HGET', taken, ARGV[at + 1]) or '0')
  local chosen = ARGV[at + 2] == '1' or count < tonumber(ARGV[at + 3])
  if chosen and count < tonumber(ARGV[at + 4]) then
    count = redis.call('HINCRBY', taken, ARGV[at + 1], 1)
    wanted[#wanted + 1] = ARGV[at]
  end
  counts[#counts + 1] = count
end
redis.call('PEXPIRE', taken, 7200000)

local function lose(reason, number)
  if number > 0 then
    redis.call('HINCRBY', lost, reason, number)
    redis.call('PEXPIRE', lost, 604800000)
  end
end

lose('away', tonumber(ARGV[4]))
if #wanted > 0 then
  local time = redis.call('TIME')
  local oldest = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - ttl_ms
  lose('late', redis.call('XTRIM', queue, 'MINID', string.format('%d', oldest)))
  if redis.call('XLEN', queue) >= most then
    lose('full', 1)
  else
    redis.call('XADD', queue, '*', 'call', ARGV[3], 'of', table.concat(wanted, ','))
    redis.call('PEXPIRE', queue, ttl_ms)
  end
end
return counts
