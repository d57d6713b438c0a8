-- Budgets: one account per budget, subject and period of time. Shared by admission's script and by rebase.lua.
--
-- An account is a hash:
--   s  what the usage ledger has confirmed            a  the ledger's position at which it said so
--   r  total of the reservations of running calls     q  total of ended calls that the ledger has not confirmed yet
--   g  generation: changes when the account is made anew (after Redis lost it)
--   x  when it may be forgotten (Unix ms; 0: never)
--   t  highest threshold that was told (percent)      l  the limit at that time
--   :<call id>  what the call counts, reserved or ended
-- and a sorted set of the calls that only hold a reservation, scored by the time their lease ends. A lease that has
-- ended is not dropped here: its call goes on counting until the ledger was asked (rebase.lua).
--
-- One key per tenant, the epoch, says from when on (Unix ms) hard budgets admit: shortly after Redis lost its data no
-- call may pass until every worker has said again what it has running.
--
-- Money is integer nano-USD in Lua's doubles: exact up to 2^53 nano-USD (9,007,199 USD) per account. Numbers go out as
-- texts, because Lua's own conversion keeps 14 digits only.

local function nano(number)
  return string.format('%.0f', number)
end

local function percent_of(amount, limit)
  return limit > 0 and amount / limit * 100 or 100
end

-- The thresholds ("50,80,100") that were crossed on the way from `before` to `consumed`, or earlier, and not told yet;
-- remembers them as told.
local function crossed(name, before, consumed, limit, thresholds, told, told_limit)
  local percent = percent_of(consumed, limit)
  if told_limit ~= limit then
    -- The budget was changed: what lies below the spending until now is old news, what lies above is told when reached.
    local reached, percent_before = 0, percent_of(before, limit)
    for threshold in string.gmatch(thresholds, '%d+') do
      local value = tonumber(threshold)
      if value <= percent_before and value > reached then reached = value end
    end
    told = math.min(told, reached)
  end
  local found, highest = {}, told
  for threshold in string.gmatch(thresholds, '%d+') do
    local value = tonumber(threshold)
    if value > told and percent >= value then
      found[#found + 1] = value
      if value > highest then highest = value end
    end
  end
  if highest ~= told or told_limit ~= limit then
    redis.call('HSET', name, 't', highest, 'l', nano(limit))
  end
  return found
end

local function open_from(epoch)
  return tonumber(redis.call('GET', epoch) or nil)
end
