-- Make an id known for a window's length; return its number.
--
-- ARGV: 4 the window (microseconds), 5 the id.
local now = micros()
local refused = refusal(false) or settling(now)
if refused then
  return refused
end
local id = ARGV[5]
local number, expected, fronts, refs = known(id, now)
if not number then
  number, fronts, refs = expected, '', ''
  drop_older(id)
end
local till = now + tonumber(ARGV[4])
redis.call('HSET', SHARD .. ':i', id, record_of(number, till, fronts, refs))
-- Whoever renews its lease looks here for ids that nobody came for.
redis.call('RPUSH', SHARD .. ':x', struct.pack('>d', till) .. id)
return text(number)
