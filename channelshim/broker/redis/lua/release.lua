-- End what attach began: no page of these ids is left in this front.
--
-- ARGV: 4 and on: ids. Returns for each what to tell.
local refused = refusal(true)
if refused then
  return refused
end
local now = micros()
local code = struct.pack('>H', tonumber(FRONT))
local answers = {}
for at = 4, #ARGV do
  local id = ARGV[at]
  local number, expected, fronts, refs = known(id, now)
  local place = number and place_of(fronts, code)
  redis.call('SREM', SHARD .. ':ids:' .. FRONT, id)
  answers[#answers + 1] = ''
  if place then
    fronts = string.sub(fronts, 1, place - 1) .. string.sub(fronts, place + 2)
    if fronts == '' and expected <= now then
      forget(id)
    else
      redis.call('HSET', SHARD .. ':i', id, record_of(number, expected, fronts, refs))
    end
  end
  if not number or fronts == '' then
    answers[#answers] = tell(id, false)
  end
end
return answers
