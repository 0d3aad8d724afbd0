-- Return id and what it is, for each change that this front is telling the app.
local refused = refusal(true)
if refused then
  return refused
end
local answers = {}
for _, id in ipairs(redis.call('SMEMBERS', SHARD .. ':tells:' .. FRONT)) do
  local state = redis.call('HGET', SHARD .. ':p', id)
  if state and string.sub(state, 3) == FRONT then
    answers[#answers + 1] = id
    answers[#answers + 1] = string.sub(state, 2, 2)
  end
end
return answers
