-- Say again what this front is telling the app: the epoch may not know it.
--
-- ARGV: from 4 on, the ids of which it tells that they are gone. Whoever connects
-- meanwhile, or has done so since the data was lost, is told of after that, and by this
-- front: the app might hear of both in the wrong order otherwise. What another front has
-- told, or tells, was true, and is told once more.
local refused = refusal(true)
if refused then
  return refused
end
for at = 4, #ARGV do
  redis.call('HSET', SHARD .. ':p', ARGV[at], 'cd' .. FRONT)
  redis.call('SADD', SHARD .. ':tells:' .. FRONT, ARGV[at])
end
return 1
