-- Change counters. ARGV: name, '+' or '-', delta, initial value ('' for none) and flags.
-- Returns each as text, '' for none, '-' where there is no number.
--
-- Counters have 64 bits and doubles 53: longer ones are added digit by digit.
local WRAP = '18446744073709551616'

local function is_less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

local function stripped(digits)
  local short = string.gsub(digits, '^0+', '')
  return short == '' and '0' or short
end

-- Add or take away whole numbers as text; what is taken away is not the larger.
local function sum(a, b, sign)
  local digits, carry = {}, 0
  for at = 0, math.max(#a, #b) - 1 do
    local x = tonumber(string.sub(a, #a - at, #a - at)) or 0
    local y = at < #b and tonumber(string.sub(b, #b - at, #b - at)) or 0
    local digit = (at < #a and x or 0) + sign * y + carry
    carry = math.floor(digit / 10)
    digits[#digits + 1] = digit % 10
  end
  if carry > 0 then
    digits[#digits + 1] = carry
  end
  return stripped(string.reverse(table.concat(digits)))
end

local function changed(old, sign, delta)
  if #old < 16 and #delta < 16 then
    local new = tonumber(old) + (sign == '-' and -1 or 1) * tonumber(delta)
    return text(math.max(new, 0))
  end
  if sign == '-' then
    return is_less(old, delta) and '0' or sum(old, delta, -1)
  end
  local new = sum(old, delta, 1)
  return is_less(new, WRAP) and new or sum(new, WRAP, -1)
end

local answers = {}
for at = 1, #ARGV, 5 do
  local name, initial = ARGV[at], ARGV[at + 3]
  local value, flags, _, till, lock = read(name)
  local answer = ''
  if not value or lock == '1' then
    value, flags, till = initial ~= '' and initial or false, ARGV[at + 4], '0'
  end
  if value then
    local old = string.match(value, '^%s*%+?(%d+)%s*$')
    old = old and stripped(old)
    if old and is_less(old, WRAP) then
      answer = changed(old, ARGV[at + 1], ARGV[at + 2])
      write(name, answer, flags, tonumber(till), '0')
    else
      answer = '-'
    end
  end
  answers[#answers + 1] = answer
end
return answers
