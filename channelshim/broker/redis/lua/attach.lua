-- Connect ids to this front, and return what each page is owed.
--
-- ARGV: 4 the window (microseconds), 5 messages and 6 bytes of a replay, then for each
-- id: the id, the number that its page has ('' for none), and 'a'; or 'b' for an id
-- that was connected to this front before, which brings its number back.
-- Returns for each: the number before what is owed, what to tell, the texts.
local refused = refusal(true)
if refused then
  return refused
end
local now = micros()
local oldest = now - tonumber(ARGV[4])
local messages, bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local code = struct.pack('>H', tonumber(FRONT))
local answers = {}

-- As `known`, but a page says how far the numbers had come: no higher one was given,
-- unless the record knows it. The app has been told of it.
local function brought(id, page)
  local record = redis.call('HGET', SHARD .. ':i', id)
  local number, stamp, expected, fronts, refs = page, nil, 0, '', ''
  if record then
    number, stamp, expected, fronts, refs = parts(record)
  end
  if stamp ~= tonumber(EPOCH) and not redis.call('HGET', SHARD .. ':p', id) then
    redis.call('HSET', SHARD .. ':p', id, 'c-')
  end
  if number < page then
    number, refs = page, ''
    drop_older(id)
  end
  return number, expected, fronts, refs
end

for at = 7, #ARGV, 3 do
  local id, after = ARGV[at], tonumber(ARGV[at + 1])
  local number, expected, fronts, refs
  if ARGV[at + 2] == 'b' and after then
    number, expected, fronts, refs = brought(id, after)
  else
    number, expected, fronts, refs = known(id, now)
    if not number then
      number, expected, fronts, refs = expected, 0, '', ''
      drop_older(id)
    end
  end
  if not place_of(fronts, code) then
    fronts = fronts .. code
    redis.call('SADD', SHARD .. ':ids:' .. FRONT, id)
  end
  redis.call('HSET', SHARD .. ':i', id, record_of(number, expected, fronts, refs))
  local before, texts = replay(id, number, refs, after, oldest, messages, bytes)
  answers[#answers + 1] = text(before)
  answers[#answers + 1] = tell(id, true)
  answers[#answers + 1] = texts
end
return answers
