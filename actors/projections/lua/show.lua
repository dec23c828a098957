-- KEYS: event, changes. ARGV: position, as_of_ms, event, statuses, the change's position before ("": no change), the
-- change, how many changes to keep, how long to keep all of it (ms). 1 if this is what is shown now.
local shown = tonumber(redis.call('HGET', KEYS[1], 'position') or '-1')
local position = tonumber(ARGV[1])
if position < shown then
  return 0
end
local as_of_ms = ARGV[2]
if position > shown then
  if ARGV[5] ~= '' and tonumber(ARGV[5]) == shown then
    redis.call('RPUSH', KEYS[2], ARGV[6])
    redis.call('LTRIM', KEYS[2], -tonumber(ARGV[7]), -1)
  else
    redis.call('DEL', KEYS[2])
  end
else
  local before = redis.call('HGET', KEYS[1], 'as_of_ms')
  if tonumber(before) > tonumber(as_of_ms) then
    as_of_ms = before
  end
end
redis.call('HSET', KEYS[1], 'position', ARGV[1], 'as_of_ms', as_of_ms, 'event', ARGV[3], 'statuses', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
return 1
