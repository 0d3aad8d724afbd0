-- Describe ids: for each whether it is known ('1'), its number, '1' when connected,
-- microseconds for which it is expected, and messages and bytes of its window.
--
-- ARGV: 4 the window (microseconds), 5 messages, 6 bytes, then the ids.
local refused = refusal(false)
if refused then
  return refused
end
local now = micros()
local answers = {}
for at = 7, #ARGV do
  local number, expected, fronts, refs = known(ARGV[at], now)
  if number then
    local _, texts = replay(ARGV[at], number, refs, 0, now - tonumber(ARGV[4]),
      tonumber(ARGV[5]), tonumber(ARGV[6]))
    local bytes = 0
    for _, each in ipairs(texts) do
      bytes = bytes + #each
    end
    answers[#answers + 1] = {'1', text(number), fronts == '' and '0' or '1',
      text(math.max(0, expected - now)), #texts, bytes}
  else
    answers[#answers + 1] = {'0'}
  end
end
return answers
