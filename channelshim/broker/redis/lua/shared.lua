-- What every function begins with. docs/explanation/redis.md describes each key.
--
-- KEYS[1] is the key of the epoch; all others of its shard share its hash tag, so that
-- they lie in one slot of a cluster. ARGV[1] is the caller's epoch, ARGV[2] the number
-- of its front (0 for none) and ARGV[3] its name. Times are microseconds of the Unix
-- clock of this server, which a double holds exactly.

local SHARD = string.sub(KEYS[1], 1, -3)
local EPOCH, FRONT, NAME = ARGV[1], ARGV[2], ARGV[3]
local HEAD = 25
local REF = 7
local INLINE = 32 * REF

local function micros()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- A number as text: tostring() would round it.
local function text(number)
  return string.format('%.0f', number)
end

-- Return an error for a caller that must join again, or nil.
local function refusal(needs_front)
  if redis.call('HGET', SHARD .. ':e', 'epoch') ~= EPOCH then
    return redis.error_reply('REJOIN the epoch has ended')
  end
  if needs_front and not redis.call('ZSCORE', SHARD .. ':lease', FRONT) then
    return redis.error_reply('REJOIN the lease has ended')
  end
  return nil
end

-- Return an error while the fronts bring their numbers back, or nil.
local function settling(now)
  local till = tonumber(redis.call('HGET', SHARD .. ':e', 'settled') or 0)
  if now < till then
    return redis.error_reply('REJOIN the numbers are not settled')
  end
  return nil
end

-- A record of :i is number, epoch of that number, expected-until (doubles), how many
-- fronts (a byte), the fronts (two bytes each), and refs: what is kept, oldest first,
-- each a batch (five bytes), the place of its first text and how many (a byte each).
local function parts(record)
  local number, stamp, expected, count = struct.unpack('>dddB', record)
  local edge = HEAD + 2 * count
  return number, stamp, expected, string.sub(record, HEAD + 1, edge),
    string.sub(record, edge + 1)
end

local function record_of(number, expected, fronts, refs)
  return struct.pack('>dddB', number, tonumber(EPOCH), expected, #fronts / 2)
    .. fronts .. refs
end

local function place_of(fronts, code)
  for at = 1, #fronts, 2 do
    if string.sub(fronts, at, at + 1) == code then
      return at
    end
  end
  return nil
end

-- Drop the refs of an id that are kept outside of its record.
local function drop_older(id)
  redis.call('UNLINK', SHARD .. ':r:' .. id)
end

-- Return number, expected-until, fronts and refs of a known id. Of an unknown one, nil
-- and the least number that it may have.
--
-- A number of an earlier epoch may be too low: what came after it is lost. It jumps to
-- this epoch's beginning, above all that a page can hold; refs count back from the
-- number, so that they go.
local function known(id, now)
  local record = redis.call('HGET', SHARD .. ':i', id)
  if not record then
    return nil, now
  end
  local number, stamp, expected, fronts, refs = parts(record)
  if stamp ~= tonumber(EPOCH) then
    number, refs = math.max(number, tonumber(EPOCH)), ''
    drop_older(id)
  end
  if fronts == '' and expected <= now then
    return nil, math.max(now, number)
  end
  return number, expected, fronts, refs
end

local function forget(id)
  redis.call('HDEL', SHARD .. ':i', id)
  drop_older(id)
end

-- Return what the app is to be told of an id by this front: 'c', 'd', or '' for
-- nothing. One front tells at a time; the next change waits until it has.
--
-- A value of :p is what the app was told, what it is being told ('-' for nothing), and
-- the number of the front that does.
local function tell(id, is_connected)
  local state = redis.call('HGET', SHARD .. ':p', id)
  local told, telling = 'd', '-'
  if state then
    told, telling = string.sub(state, 1, 1), string.sub(state, 2, 2)
  end
  if telling ~= '-' then
    return ''
  end
  local wanted = is_connected and 'c' or 'd'
  if wanted ~= told then
    redis.call('HSET', SHARD .. ':p', id, told .. wanted .. FRONT)
    redis.call('SADD', SHARD .. ':tells:' .. FRONT, id)
    return wanted
  end
  if state and told == 'd' then
    redis.call('HDEL', SHARD .. ':p', id)
  end
  return ''
end

-- Return the texts of a ref, or nil when they are too old or gone.
local chunks = {}
local function chunk(batch, first, count, oldest)
  local name = batch .. ':' .. first .. ':' .. count
  if chunks[name] == nil then
    local key = SHARD .. ':c:' .. text(batch)
    local at = redis.call('LINDEX', key, 0)
    chunks[name] = false
    if at and tonumber(at) >= oldest then
      chunks[name] = redis.call('LRANGE', key, first + 1, first + count)
    end
  end
  return chunks[name]
end

-- Return the number before what is owed after a message, and the texts, oldest first.
-- As protocol.window.replay: bounded by count and by bytes.
local function replay(id, number, refs, after, oldest, messages, bytes)
  if after == nil or after >= number then
    return number, {}
  end
  local wanted = math.min(number - after, messages)
  local newest, block, older = {}, refs, 0
  local is_full = false
  while not is_full do
    for at = #block - REF + 1, 1, -REF do
      local batch, first, count = struct.unpack('>I5BB', block, at)
      local texts = chunk(batch, first, count, oldest)
      if not texts or #texts < count then
        is_full = true
        break
      end
      for place = count, 1, -1 do
        bytes = bytes - #texts[place]
        if #newest == wanted or bytes < 0 then
          is_full = true
          break
        end
        newest[#newest + 1] = texts[place]
      end
      if is_full then
        break
      end
    end
    older = older + 1
    block = not is_full and redis.call('LINDEX', SHARD .. ':r:' .. id, -older)
    if not block then
      break
    end
  end
  local texts = {}
  for at = #newest, 1, -1 do
    texts[#texts + 1] = newest[at]
  end
  return number - #texts, texts
end

-- Drop the oldest texts of all: those from before `oldest`, and more while all that is
-- kept costs more than `most`.
local function drop_old(oldest, most)
  local total = tonumber(redis.call('GET', SHARD .. ':k') or 0)
  local before = total
  for _ = 1, 1000 do
    local head = redis.call('LINDEX', SHARD .. ':o', 0)
    if not head then
      total = 0
      break
    end
    local at, batch, cost = struct.unpack('>ddd', head)
    if at >= oldest and total <= most then
      break
    end
    redis.call('LPOP', SHARD .. ':o')
    redis.call('UNLINK', SHARD .. ':c:' .. text(batch))
    total = total - cost
  end
  if total ~= before then
    redis.call('SET', SHARD .. ':k', text(math.max(total, 0)))
  end
end

