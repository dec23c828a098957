-- KEYS: event, changes. ARGV: position.
if redis.call('HGET', KEYS[1], 'position') == ARGV[1] then
  redis.call('DEL', KEYS[1], KEYS[2])
end
return 0
