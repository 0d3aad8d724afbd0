-- Take part, or come back after the connection was lost.
--
-- Times and numbers of an epoch are of one life of this server's data: a new one begins
-- when there is none, or when the server was started again or another has taken its
-- place, since either may have lost the last writes.
--
-- ARGV: 4 the server's run id, 5 this process's last acknowledged batch, 6 the length of
-- a lease, 7 how long a new epoch settles (microseconds), 8 '1' when all that this front
-- has here is as in its process, '0' when not, '' to get no front.
-- Returns: the epoch, the microseconds until it has settled, the front, '1' when
-- nothing has changed for it since it was last here.
local now = micros()
local state = redis.call('HMGET', SHARD .. ':e', 'epoch', 'settled', 'run')
local epoch, settled = state[1], tonumber(state[2] or 0)
if not epoch or state[3] ~= ARGV[4] then
  -- Above each number of before, should the clock have been set back.
  epoch = text(math.max(now, tonumber(epoch or 0) + 1))
  settled = now + tonumber(ARGV[7])
  redis.call('HSET', SHARD .. ':e', 'epoch', epoch, 'settled', text(settled),
    'run', ARGV[4])
end
local left = text(math.max(0, settled - now))
local counter = SHARD .. ':b:' .. NAME
-- Never lowered: a batch above the last acknowledged one was executed, and its retry
-- must find that out. Whoever asks beside the session says 0.
if tonumber(redis.call('GET', counter) or '-1') < tonumber(ARGV[5]) then
  redis.call('SET', counter, ARGV[5], 'EX', 3600)
end
if ARGV[8] == '' then
  return {epoch, left, '0', '0'}
end

local leases, names = SHARD .. ':lease', SHARD .. ':w'
local front = redis.call('HGET', names, NAME)
local is_kept = front and redis.call('ZSCORE', leases, front)
if not is_kept then
  repeat
    front = tostring(redis.call('HINCRBY', names, '#', 1) % 65535 + 1)
  until not redis.call('ZSCORE', leases, front)
  redis.call('HSET', names, NAME, front)
  redis.call('UNLINK', SHARD .. ':ids:' .. front, SHARD .. ':tells:' .. front)
end
is_kept = is_kept and epoch == EPOCH and ARGV[8] == '1'
if not is_kept then
  -- What it held is replayed for each id that is brought back.
  redis.call('UNLINK', SHARD .. ':box:' .. front)
  redis.call('HDEL', SHARD .. ':n', front)
end
redis.call('ZADD', leases, text(now + tonumber(ARGV[6])), front)
return {epoch, left, front, is_kept and '1' or '0'}
