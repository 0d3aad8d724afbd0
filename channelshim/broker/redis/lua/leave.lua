-- End this front's lease now: the others take its ids over at once.
local refused = refusal(true)
if refused then
  return refused
end
redis.call('ZADD', SHARD .. ':lease', 0, FRONT)
return 1
