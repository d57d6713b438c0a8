-- Admits and settles a whole batch of calls in one atomic step. Last part of the script; before it come windows.lua,
-- places.lua and spending.lua.
--
-- A call is checked against all its limits and budgets before it counts in any: a refused call consumes nothing, and
-- neither does one that has to wait or whose budget is not known.
--
-- Settlements, KEYS and ARGV of each:
--   "w" window              ARGV slot, delta
--   "c" place               ARGV call id
--   "p" place, queue, patience        ARGV call id, member         (where calls may wait for a place)
--   "s" account, leases, epoch        ARGV call id, cost, limit, thresholds
-- Calls, ARGV: call id, lease ms, number of limits, number of budgets, then
--   per limit: kind ("w"|"c"|"p"), limit, window ms (kind "p": how long it may wait), cost;
--     kind "p" also: class (0 interactive, 1 batch), score ("" unless it waits already), member
--     KEYS name; kind "p" also: queue, patience
--   per budget: kind ("b" block|"d" degrade|"n" count only), limit, cost
--     KEYS account, leases, epoch
-- ARGV begins with the number of settlements, then these; then the number of calls, then these. KEYS in the same order.
--
-- Reply: {per call {status, detail, then per limit: remaining, reset ms, slot (a waiting call: its score),
--                   then per budget: counted, consumed, generation, lease ended (0|1)},
--         per crossed threshold {settlement (1-based), percent, consumed}}
--   status  n > 0  refused by the n-th of limits and budgets
--           0      admitted
--           -1     the state of the n-th budget has to be read from the ledger (detail: n)
--           -2     hard budgets are closed (detail: for how many ms)
--           -3     the n-th budget wants the call degraded (detail: n)
--           -4     waits for a place (detail: the n-th limit)

local crossings = {}

local function settle_account(settlement)
  local name, leases, epoch = key(), key(), key()
  local id, cost, limit, thresholds = argument(), tonumber(argument()), tonumber(argument()), argument()
  local field = ':' .. id
  local state = redis.call('HMGET', name, 's', 'r', 'q', 't', 'l', field)
  -- Without an account the worker says it again once there is one.
  if not state[1] then return end
  local spent, reserved, ended = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
  local before = spent + ended
  local was_reserved = redis.call('ZREM', leases, id) == 1
  if state[6] then
    if was_reserved then
      reserved = reserved - tonumber(state[6])
    else
      ended = ended - tonumber(state[6])
    end
  end
  ended = ended + cost
  if cost > 0 then
    redis.call('HSET', name, 'r', nano(reserved), 'q', nano(ended), field, nano(cost))
  else
    redis.call('HSET', name, 'r', nano(reserved), 'q', nano(ended))
    redis.call('HDEL', name, field)
  end
  local opens = open_from(epoch)
  if opens and now >= opens then
    local consumed, told, told_limit = spent + ended, tonumber(state[4]), tonumber(state[5])
    for _, percent in ipairs(crossed(name, before, consumed, limit, thresholds, told, told_limit)) do
      crossings[#crossings + 1] = {settlement, percent, consumed}
    end
  end
end

for settlement = 1, tonumber(argument()) do
  local kind = argument()
  if kind == 'c' then
    redis.call('ZREM', key(), argument())
  elseif kind == 'w' then
    local name, slot = key(), argument()
    settle_window(name, slot, argument())
  elseif kind == 'p' then
    local name, queue, patience = key(), key(), key()
    redis.call('ZREM', name, argument())
    local member = argument()
    redis.call('ZREM', queue, member)
    redis.call('ZREM', patience, member)
    wake_first(queue)
  else
    settle_account(settlement)
  end
end

local function read_limit(position)
  local limit = {name = key(), kind = argument(), limit = tonumber(argument()), window = tonumber(argument()),
                 cost = tonumber(argument()), fits = true}
  if limit.kind == 'w' then
    limit.width = math.max(1, math.floor(limit.window / SLOTS))
    limit.used, limit.slot, limit.here, limit.last = advance(limit.name, limit.width)
    limit.fits = limit.used + limit.cost <= limit.limit
    return limit
  end
  redis.call('ZREMRANGEBYSCORE', limit.name, '-inf', now)
  limit.used, limit.slot = redis.call('ZCARD', limit.name), 0
  if limit.kind == 'c' then
    limit.fits = limit.used + limit.cost <= limit.limit
  else
    limit.queue, limit.patience = key(), key()
    limit.class, limit.score, limit.member = tonumber(argument()), argument(), argument()
    limit.waits = must_wait(limit, position)
    limit.fits = not limit.full
  end
  return limit
end

local function read_budget()
  local budget = {name = key(), leases = key(), epoch = key(), kind = argument(), limit = tonumber(argument()),
                  cost = tonumber(argument())}
  local state = redis.call('HMGET', budget.name, 's', 'r', 'q', 'g', 'x')
  if not state[1] then return budget end
  budget.known = true
  budget.reserved = tonumber(state[2])
  budget.consumed = tonumber(state[1]) + tonumber(state[3])
  budget.used, budget.generation, budget.forget = budget.consumed + budget.reserved, state[4], tonumber(state[5])
  budget.lease_ended = #redis.call('ZRANGEBYSCORE', budget.leases, '-inf', now, 'LIMIT', 0, 1)
  return budget
end

-- What the budget says to the call: 0 it may pass, otherwise a status and its detail.
local function verdict(budget, position)
  if not budget.known then return -1, position end
  if budget.kind == 'n' then return 0, 0 end
  if budget.kind == 'b' then
    local opens = open_from(budget.epoch)
    if not opens then return -1, position end
    if now < opens then return -2, opens - now end
  end
  if budget.used + budget.cost <= budget.limit then return 0, 0 end
  if budget.lease_ended == 1 then return -1, position end
  if budget.kind == 'd' then return -3, position end
  return 1, 0
end

local function reserve(budget, id, lease)
  budget.used = budget.used + budget.cost
  if budget.cost == 0 then return end
  redis.call('HSET', budget.name, 'r', nano(budget.reserved + budget.cost), ':' .. id, nano(budget.cost))
  redis.call('ZADD', budget.leases, now + lease, id)
  if budget.forget > 0 and redis.call('ZCARD', budget.leases) == 1 then
    redis.call('PEXPIREAT', budget.leases, budget.forget)
  end
end

local function decide(limits, budgets)
  for i, limit in ipairs(limits) do
    if not limit.fits then return i, 0 end
  end
  -- A refusal weighs more than an open question, and that more than the wish to degrade.
  local status, detail = 0, 0
  for j, budget in ipairs(budgets) do
    local said, about = verdict(budget, j)
    if said > 0 then return #limits + j, 0 end
    if said < 0 and (status == 0 or said > status) then status, detail = said, about end
  end
  if status ~= 0 then return status, detail end
  for i, limit in ipairs(limits) do
    if limit.waits then return -4, i end
  end
  return 0, 0
end

local function count(limit, id, lease)
  local used = limit.used + limit.cost
  if limit.kind == 'w' then
    redis.call('HSET', limit.name, limit.slot, limit.here + limit.cost, 't', used, 'l', limit.slot)
    if limit.last ~= limit.slot then redis.call('PEXPIRE', limit.name, limit.window * 2) end
  else
    take_place(limit.name, limit.used, id, lease)
  end
  return used
end

-- A call's place in the queues after it was decided.
local function queue_up(limit, status)
  if status == -4 and limit.waits then
    join_queue(limit)
  elseif limit.queued and (status >= 0 or status == -4) then
    leave_queue(limit)
    -- The next may fit as well: a wake-up can get lost, a limit can be raised.
    if status == 0 and limit.used + limit.cost < limit.limit then wake_first(limit.queue) end
  end
end

local function limit_reply(reply, limit, refused, used)
  local reset = 0
  if refused then
    -- When a place frees itself nobody knows: 0 says so.
    if limit.kind == 'w' then
      reset = reset_ms(limit.name, limit.slot, limit.width, used + limit.cost - limit.limit)
    end
  elseif limit.kind == 'w' then
    reset = limit.window
  end
  reply[#reply + 1] = math.max(0, limit.limit - used)
  reply[#reply + 1] = reset
  reply[#reply + 1] = limit.waits and limit.score or limit.slot
end

local replies = {}
for position = 1, tonumber(argument()) do
  local id, lease = argument(), tonumber(argument())
  local limit_count, budget_count = tonumber(argument()), tonumber(argument())
  local limits, budgets = {}, {}
  for i = 1, limit_count do limits[i] = read_limit(position) end
  for j = 1, budget_count do budgets[j] = read_budget() end
  local status, detail = decide(limits, budgets)
  local reply = {status, detail}
  for i, limit in ipairs(limits) do
    local used = limit.used
    if status == 0 then used = count(limit, id, lease) end
    if limit.queue then queue_up(limit, status) end
    limit_reply(reply, limit, status == i, used)
  end
  for _, budget in ipairs(budgets) do
    if status == 0 then reserve(budget, id, lease) end
    reply[#reply + 1] = budget.used or 0
    reply[#reply + 1] = budget.consumed or 0
    reply[#reply + 1] = budget.generation or ''
    reply[#reply + 1] = budget.lease_ended or 0
  end
  replies[position] = reply
end
return {replies, crossings}
