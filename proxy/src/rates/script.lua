-- The generic cell rate algorithm (gcra.rs), counted where all instances see it, by the store's own clock.
-- KEYS[1]: what is counted. ARGV: the interval, and how far ahead of now the next theoretical arrival time may come (microseconds).
-- Times are microseconds since 2026 began, so that fractions of them survive in a floating point number.
local clock = redis.call('TIME')
local now = (clock[1] - 1767225600) * 1000000 + clock[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now) or now, now)
local next, latest = due + interval, now + tolerance
-- Half a microsecond is for what addition rounds.
if next > latest + 0.5 then
  return {1, 0, math.ceil(next - latest)}
end
redis.call('SET', KEYS[1], string.format('%.6f', next), 'PX', math.ceil((next - now) / 1000))
local room = math.max(latest - next, 0)
return {0, math.floor(room / interval), math.ceil(interval - room % interval)}
