-- KEYS: event. ARGV: position, as_of_ms, how long to keep it (ms).
if redis.call('HGET', KEYS[1], 'position') ~= ARGV[1] then
  return 0
end
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', KEYS[1], 'as_of_ms')) then
  redis.call('HSET', KEYS[1], 'as_of_ms', ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
