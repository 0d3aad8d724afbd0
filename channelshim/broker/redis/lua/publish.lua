-- Number, keep and route one batch, all or nothing, and once however often it is sent.
--
-- ARGV: 4 the batch's number in its process, 5 the window (microseconds), 6 bytes kept
-- over all, 7 refs kept for an id outside of its record (blocks of 32), 8 the texts
-- (msgpack), then for each group of ids: the place of its first text, how many, and the
-- ids (msgpack). An id stands in the whole batch once.
local refused = refusal(false)
if refused then
  return refused
end
local now = micros()
local batch = tonumber(ARGV[4])
local counter = SHARD .. ':b:' .. NAME
local last = tonumber(redis.call('GET', counter) or batch - 1)
if batch <= last then
  return 0
end
if batch > last + 1 then
  return redis.error_reply('REJOIN a batch was refused before this one')
end
refused = settling(now)
if refused then
  return refused
end

local SLICE = 1000
local MAILBOX = 100000
local window, most, blocks = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local epoch = tonumber(EPOCH)
local texts = cmsgpack.unpack(ARGV[8])
local seq = redis.call('INCR', SHARD .. ':q')
local entries = {}
local owed = 0

local function spill(id, refs)
  local key = SHARD .. ':r:' .. id
  redis.call('RPUSH', key, refs)
  redis.call('LTRIM', key, -blocks, -1)
  redis.call('PEXPIRE', key, text(window / 1000 + 60000))
end

-- Number the ids from `from` to `to`, and note in `there` who is connected where.
local function number_slice(ids, from, to, count, ref, there)
  local records = redis.call('HMGET', SHARD .. ':i', unpack(ids, from, to))
  local changed = {}
  for at = from, to do
    local record = records[at - from + 1]
    if record then
      local id = ids[at]
      local number, stamp, expected, fronts = struct.unpack('>dddB', record)
      if fronts > 0 or expected > now then
        local edge = HEAD + 2 * fronts
        local rest = string.sub(record, 17)
        if stamp ~= epoch then
          number = math.max(number, epoch)
          rest = string.sub(record, 17, edge)
          drop_older(id)
        elseif #record >= edge + INLINE then
          spill(id, string.sub(record, edge + 1))
          rest = string.sub(record, 17, edge)
        end
        number = number + count
        changed[#changed + 1] = id
        changed[#changed + 1] = struct.pack('>dd', number, epoch) .. rest .. ref
        owed = owed + 1
        for place = HEAD + 1, edge, 2 do
          local code = string.sub(record, place, place + 1)
          local box = there[code]
          if not box then
            box = {{}, {}}
            there[code] = box
          end
          box[1][#box[1] + 1] = id
          box[2][#box[2] + 1] = number
        end
      end
    end
  end
  if #changed > 0 then
    redis.call('HSET', SHARD .. ':i', unpack(changed))
  end
end

for at = 9, #ARGV, 3 do
  local first, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local ids = cmsgpack.unpack(ARGV[at + 2])
  local ref = struct.pack('>I5BB', seq, first, count)
  local there = {}
  for from = 1, #ids, SLICE do
    number_slice(ids, from, math.min(from + SLICE - 1, #ids), count, ref, there)
  end
  local owned = ARGV[8]
  if count < #texts then
    local own = {}
    for place = first + 1, first + count do
      own[#own + 1] = texts[place]
    end
    owned = cmsgpack.pack(own)
  end
  for code, box in pairs(there) do
    local entry = entries[code] or {}
    entries[code] = entry
    -- The same bytes as sent where nobody is missing: whoever reads them knows them.
    entry[#entry + 1] = 't'
    entry[#entry + 1] = owned
    entry[#entry + 1] = 'i'
    entry[#entry + 1] = #box[1] == #ids and ARGV[at + 2] or cmsgpack.pack(box[1])
    entry[#entry + 1] = 'n'
    entry[#entry + 1] = cmsgpack.pack(box[2])
  end
end

for code, entry in pairs(entries) do
  local front = struct.unpack('>H', code)
  -- Counted, so that its reader sees when one is missing.
  local place = redis.call('HINCRBY', SHARD .. ':n', front, 1)
  redis.call('XADD', SHARD .. ':box:' .. front, 'MAXLEN', '~', MAILBOX,
    place .. '-1', unpack(entry))
end
if owed > 0 then
  local cost = 16 * owed
  for _, each in ipairs(texts) do
    cost = cost + #each + 320
  end
  local key = SHARD .. ':c:' .. text(seq)
  redis.call('RPUSH', key, text(now), unpack(texts))
  redis.call('PEXPIRE', key, text(window / 1000 + 60000))
  redis.call('RPUSH', SHARD .. ':o', struct.pack('>ddd', now, seq, cost))
  redis.call('INCRBY', SHARD .. ':k', cost)
  drop_old(now - window, most)
end
redis.call('SET', counter, text(batch), 'EX', 3600)
return 1
