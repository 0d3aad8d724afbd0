-- Try every command that the other functions use, on keys that nothing else has and
-- that go by themselves.
--
-- KEYS[1] is the key of an epoch or of a generation, ARGV[1] a word unlike any other.
-- Returns for each command that is refused: its name and why.
local base = string.sub(KEYS[1], 1, -3) .. ':doctor:' .. ARGV[1] .. ':'
local s, h, l, m, z, x = base .. 's', base .. 'h', base .. 'l', base .. 'm',
  base .. 'z', base .. 'x'
local tried = {
  {'TIME'},
  {'SET', s, '1', 'EX', '60'}, {'GET', s}, {'INCR', s}, {'INCRBY', s, '1'},
  {'EXISTS', s}, {'EXPIRE', s, '60'}, {'PEXPIRE', s, '60000'},
  {'HSET', h, 'a', '1'}, {'EXPIRE', h, '60'}, {'HGET', h, 'a'}, {'HMGET', h, 'a', 'b'},
  {'HEXISTS', h, 'a'}, {'HGETALL', h}, {'HINCRBY', h, 'a', '1'}, {'HDEL', h, 'b'},
  {'RPUSH', l, 'a', 'b', 'c'}, {'EXPIRE', l, '60'}, {'LINDEX', l, '0'},
  {'LRANGE', l, '0', '1'}, {'LPOP', l}, {'LTRIM', l, '0', '0'},
  {'SADD', m, 'a', 'b', 'c'}, {'EXPIRE', m, '60'}, {'SMEMBERS', m}, {'SREM', m, 'a'},
  {'SPOP', m, '1'},
  {'ZADD', z, '1', 'a', '2', 'b'}, {'EXPIRE', z, '60'}, {'ZSCORE', z, 'a'},
  {'ZRANGEBYSCORE', z, '-inf', '+inf', 'LIMIT', '0', '1'}, {'ZREM', z, 'a'},
  {'XADD', x, 'MAXLEN', '~', '10', '1-1', 'f', 'v'}, {'EXPIRE', x, '60'},
  {'DEL', s}, {'UNLINK', h, l, m, z, x},
}
local refused = {}
for _, call in ipairs(tried) do
  local answer = redis.pcall(unpack(call))
  if type(answer) == 'table' and answer.err then
    refused[#refused + 1] = call[1]
    refused[#refused + 1] = answer.err
  end
end
if not cmsgpack or not struct then
  refused[#refused + 1] = 'cmsgpack and struct'
  refused[#refused + 1] = 'the libraries are missing'
end
return refused
