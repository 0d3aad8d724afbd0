-- Return the ids that are connected to this front.
local refused = refusal(true)
if refused then
  return refused
end
return redis.call('SMEMBERS', SHARD .. ':ids:' .. FRONT)
