-- Renew this front's lease, take over from one that has died, and tidy up.
--
-- ARGV: 4 the length of a lease and 5 the window (microseconds), 6 bytes kept over all.
-- Returns: the ids taken over, which are connected to this front now; then id and what
-- to tell, for each that the dead front was telling; '1' when there is more.
local refused = refusal(true)
if refused then
  return refused
end
local SLICE = 1000
local now = micros()
local leases, names = SHARD .. ':lease', SHARD .. ':w'
redis.call('ZADD', leases, text(now + tonumber(ARGV[4])), FRONT)
redis.call('EXPIRE', SHARD .. ':b:' .. NAME, 3600)
drop_old(now - tonumber(ARGV[5]), tonumber(ARGV[6]))

-- Ids that were expected and for which nobody came.
for _ = 1, SLICE do
  local head = redis.call('LINDEX', SHARD .. ':x', 0)
  if not head or struct.unpack('>d', head) > now then
    break
  end
  redis.call('LPOP', SHARD .. ':x')
  local id = string.sub(head, 9)
  if redis.call('HEXISTS', SHARD .. ':i', id) == 1 and not known(id, now) then
    forget(id)
  end
end

local dead = redis.call('ZRANGEBYSCORE', leases, '-inf', text(now), 'LIMIT', 0, 2)
local other = dead[1] == FRONT and dead[2] or dead[1]
if not other then
  return {{}, {}, '0'}
end

local mine = struct.pack('>H', tonumber(FRONT))
local its = struct.pack('>H', tonumber(other))
local taken = redis.call('SPOP', SHARD .. ':ids:' .. other, SLICE)
for _, id in ipairs(taken) do
  local number, expected, fronts, refs = known(id, now)
  local place = number and place_of(fronts, its)
  if place then
    fronts = string.sub(fronts, 1, place - 1) .. string.sub(fronts, place + 2)
    if not place_of(fronts, mine) then
      fronts = fronts .. mine
    end
    redis.call('HSET', SHARD .. ':i', id, record_of(number, expected, fronts, refs))
    redis.call('SADD', SHARD .. ':ids:' .. FRONT, id)
  end
end
local tells = {}
for _, id in ipairs(redis.call('SPOP', SHARD .. ':tells:' .. other, SLICE)) do
  local state = redis.call('HGET', SHARD .. ':p', id)
  if state and string.sub(state, 3) == other then
    redis.call('HSET', SHARD .. ':p', id, string.sub(state, 1, 2) .. FRONT)
    redis.call('SADD', SHARD .. ':tells:' .. FRONT, id)
    tells[#tells + 1] = id
    tells[#tells + 1] = string.sub(state, 2, 2)
  end
end
if redis.call('EXISTS', SHARD .. ':ids:' .. other, SHARD .. ':tells:' .. other) == 0 then
  redis.call('ZREM', leases, other)
  redis.call('UNLINK', SHARD .. ':box:' .. other)
  redis.call('HDEL', SHARD .. ':n', other)
  local all = redis.call('HGETALL', names)
  for at = 1, #all, 2 do
    if all[at + 1] == other and all[at] ~= '#' then
      redis.call('HDEL', names, all[at])
    end
  end
end
return {taken, tells, '1'}
