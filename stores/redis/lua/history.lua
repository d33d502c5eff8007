-- Adds what was counted to minutes of the ring.
-- KEYS: 1 hash of the ring: a place to its minute, the time of its standing or nothing, the standing, then the counts, each a line
-- ARGV: for each minute: its place, its number, the time of a standing or '', the standing on one line, and the counts, on one line
--       `<series> <name>=<number>,<name>=<number>;<series> ...`
-- Returns: the time of the newest standing of these, or ''

local function added(before, counts)
  local order, sums = {}, {}
  for _, text in ipairs({ before, counts }) do
    for series, numbers in string.gmatch(text, '([^; ]+) ([^;]+)') do
      if not sums[series] then
        order[#order + 1] = series
        sums[series] = { names = {}, of = {} }
      end
      local one = sums[series]
      for name, number in string.gmatch(numbers, '([^,=]+)=(%d+)') do
        if not one.of[name] then one.names[#one.names + 1] = name end
        one.of[name] = (one.of[name] or 0) + tonumber(number)
      end
    end
  end
  local texts = {}
  for i, series in ipairs(order) do
    local one, pairs = sums[series], {}
    for j, name in ipairs(one.names) do pairs[j] = name .. '=' .. string.format('%.0f', one.of[name]) end
    texts[i] = series .. ' ' .. table.concat(pairs, ',')
  end
  return table.concat(texts, ';')
end

local newest = ''
for i = 1, #ARGV, 5 do
  local place, minute, at, standing, counts = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local found = redis.call('HGET', KEYS[1], place)
  local of, stoodAt, stood, before = string.match(found or '', '^(%d+)\n([^\n]*)\n([^\n]*)\n([^\n]*)$')
  if of ~= minute then stoodAt, stood, before = '', '', '' end
  if at ~= '' then stoodAt, stood = at, standing end
  if stoodAt ~= '' then newest = stoodAt end
  redis.call('HSET', KEYS[1], place, minute .. '\n' .. stoodAt .. '\n' .. stood .. '\n' .. added(before, counts))
end
return { newest }
