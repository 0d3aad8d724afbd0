-- Store values, each as its policy says. ARGV: name, value, flags, seconds, policy and
-- cas id of each. Returns what became of each: 1 stored, 2 not stored, 3 exists.
local answers = {}
for at = 1, #ARGV, 6 do
  local name, policy, cas = ARGV[at], ARGV[at + 4], ARGV[at + 5]
  local value, _, own, _, lock = read(name)
  local is_there = value and lock == '0'
  local outcome = 1
  if policy == 'cas' then
    if not is_there or cas == '' then
      outcome = 2
    elseif cas ~= own then
      outcome = 3
    end
  elseif (policy == 'add' and value) or (policy == 'replace' and not is_there) then
    outcome = 2
  end
  if outcome == 1 then
    write(name, ARGV[at + 1], ARGV[at + 2], ends(tonumber(ARGV[at + 3])), '0')
  end
  answers[#answers + 1] = outcome
end
return answers
