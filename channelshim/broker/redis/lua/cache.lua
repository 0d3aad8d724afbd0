-- What every function of memcache begins with. docs/explanation/redis.md describes the
-- keys.
--
-- KEYS[1] is the generation of a shard: it is part of each name, so that a flush is one
-- step. A value is a hash: v its bytes, f the client's flags, c its cas id, w when it was
-- written and e when it ends (microseconds, 0 for never), l '1' for a lock.

local SHARD = string.sub(KEYS[1], 1, -3)
local DAYS30 = 30 * 24 * 60 * 60

local function micros()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local now = micros()

local function text(number)
  return string.format('%.0f', number)
end

local PREFIX = SHARD .. ':' .. (redis.call('GET', KEYS[1]) or '0') .. ':'

-- Return v, f, c, e, l, w of a name; v is false when there is nothing.
local function read(name)
  local fields = redis.call('HMGET', PREFIX .. name, 'v', 'f', 'c', 'e', 'l', 'w')
  local till = tonumber(fields[4] or 0)
  if till ~= 0 and till <= now then
    return false, false, false, false, false, false
  end
  return unpack(fields)
end

-- Return when something ends, as memcached reads a time: up to 30 days from now, or a
-- Unix time.
local function ends(seconds)
  if seconds == 0 then
    return 0
  end
  return seconds > DAYS30 and seconds * 1000000 or now + seconds * 1000000
end

local function write(name, value, flags, till, lock)
  local key = PREFIX .. name
  redis.call('DEL', key)
  if till ~= 0 and till <= now then
    return
  end
  -- Nothing stays for ever: what nobody reads would fill the server.
  local left = till == 0 and DAYS30 * 1000 or math.ceil((till - now) / 1000)
  redis.call('HSET', key, 'v', value, 'f', flags, 'e', text(till), 'l', lock,
    'w', text(now), 'c', redis.call('INCR', SHARD .. ':c'))
  redis.call('PEXPIRE', key, text(math.min(left, DAYS30 * 1000 * 12)))
end

