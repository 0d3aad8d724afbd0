-- Return v, f, c, e, l, w of each name. ARGV: the names.
local answers = {}
for at = 1, #ARGV do
  answers[at] = {read(ARGV[at])}
end
return answers
