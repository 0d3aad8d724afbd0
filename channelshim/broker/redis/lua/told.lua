-- Note that the app has been told; return what it is to be told next.
--
-- ARGV: 4 the id, 5 'c' or 'd'.
local refused = refusal(true)
if refused then
  return refused
end
local id, what = ARGV[4], ARGV[5]
local state = redis.call('HGET', SHARD .. ':p', id)
if state and string.sub(state, 2) ~= what .. FRONT then
  -- Another front has taken it over, or this was noted already.
  return ''
end
redis.call('SREM', SHARD .. ':tells:' .. FRONT, id)
redis.call('HSET', SHARD .. ':p', id, what .. '-')
local number, _, fronts = known(id, micros())
return tell(id, number ~= nil and fronts ~= '')
