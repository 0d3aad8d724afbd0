-- Take entries out. ARGV: name and seconds of a lock, 0 for none. Returns 1 for each that
-- was there.
local answers = {}
for at = 1, #ARGV, 2 do
  local value, flags = read(ARGV[at])
  local seconds = tonumber(ARGV[at + 1])
  answers[#answers + 1] = value and 1 or 0
  if value then
    redis.call('DEL', PREFIX .. ARGV[at])
    if seconds ~= 0 then
      write(ARGV[at], '', flags, ends(seconds), '1')
    end
  end
end
return answers
