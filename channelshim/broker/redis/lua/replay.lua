-- Return what comes after a message, as attach does, and connect nobody.
--
-- ARGV: 4 the window (microseconds), 5 messages, 6 bytes, 7 the id, 8 the number.
local refused = refusal(false)
if refused then
  return refused
end
local now = micros()
local number, _, _, refs = known(ARGV[7], now)
if not number then
  return {text(now), {}}
end
local before, texts = replay(ARGV[7], number, refs, tonumber(ARGV[8]),
  now - tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
return {text(before), texts}
