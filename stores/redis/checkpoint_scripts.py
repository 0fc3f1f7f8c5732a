"""The scripts that Redis runs on a thread's rows, each atomic. Texts only."""

EVER = "*"
"""The deletion that whatever no run writes follows: it is written all the same."""

_TOUCH = """
local function touch(key, seconds)
  if tonumber(seconds) > 0 then redis.call('EXPIRE', key, seconds)
  else redis.call('PERSIST', key) end
end
"""
_DELETED = """
local function deleted(key)
  return redis.call('TYPE', key).ok == 'string' and redis.call('GET', key) or ''
end
local function gone(key, since)
  local last = deleted(key)
  return since ~= '*' and last ~= '' and last ~= since
end
"""
_NEWEST = """
local function newest(key, namespace)
  local start, last = 'checkpoint:' .. namespace .. ':', ''
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if name:sub(1, #start) == start then
      local id = name:sub(#start + 1):match('^[^:]*')
      if id > last then last = id end
    end
  end
  return last
end
"""
READ = (
    _TOUCH
    + _DELETED
    + _NEWEST
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return {'old'} end
local last = deleted(KEYS[3])
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {'', {}, {}, '', last} end
local names = redis.call('HKEYS', KEYS[1])
touch(KEYS[1], ARGV[1])
local id = ARGV[3]
if id == '' then id = newest(KEYS[1], ARGV[2]) end
local place = ARGV[2] .. ':' .. id .. ':'
local fields = {}
for _, name in ipairs(names) do
  local kind = name:match('^(%a+):')
  if (kind == 'checkpoint' or kind == 'writes') and name:sub(#kind + 2, #kind + 1 + #place) == place
  then table.insert(fields, name) table.insert(fields, redis.call('HGET', KEYS[1], name)) end
end
return {'', names, fields, redis.call('HGET', KEYS[1], 'newest:' .. ARGV[2]) or '', last}
"""
)
"""Keys: the thread's hash, the one of an older version, the last deletion of the thread. Arguments:
life, namespace, id or ''."""
PUT = (
    _TOUCH
    + _DELETED
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return {'old'} end
if gone(KEYS[3], ARGV[2]) then return {'gone'} end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name:sub(1, #ARGV[3]) == ARGV[3] then redis.call('HDEL', KEYS[1], name) end
end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
if (redis.call('HGET', KEYS[1], ARGV[6]) or '') < ARGV[7] then
  redis.call('HSET', KEYS[1], ARGV[6], ARGV[7])
end
if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'owner', ARGV[8]) end
for at = 9, #ARGV do redis.call('HDEL', KEYS[1], ARGV[at]) end
touch(KEYS[1], ARGV[1])
return {'', redis.call('HKEYS', KEYS[1])}
"""
)
"""Arguments: life, the deletion that the run began after (`EVER`: not of a run), what other fields
of the same checkpoint begin with, its field and value, the field of the namespace's newest one,
its id, who begins a run with it or '', and fields to delete."""
PUT_WRITES = (
    _TOUCH
    + _DELETED
    + """
if redis.call('EXISTS', KEYS[2]) == 1 then return {'old'} end
if gone(KEYS[3], ARGV[2]) then return {'gone'} end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'owner', ARGV[3]) end
local put = ARGV[4] == '1' and 'HSET' or 'HSETNX'
for at = 5, #ARGV, 2 do redis.call(put, KEYS[1], ARGV[at], ARGV[at + 1]) end
touch(KEYS[1], ARGV[1])
return {''}
"""
)
"""Arguments: life, deletion and beginner as above, 1 to write over what is there, and fields with
their values."""
DELETE = """
if redis.call('EXISTS', KEYS[2]) == 1 then return {'old'} end
redis.call('SET', KEYS[3], ARGV[1], 'EX', ARGV[2])
local names, owner = {}, ''
if redis.call('TYPE', KEYS[1]).ok == 'hash' then
  names, owner = redis.call('HKEYS', KEYS[1]), redis.call('HGET', KEYS[1], 'owner') or ''
end
redis.call('DEL', KEYS[1])
return {'', names, owner}
"""
"""Arguments: the deletion's name and how many seconds it is remembered. In one step: a run that
begins between the two would read what is deleted, and write it again."""
DROP = (
    _NEWEST
    + """
for _, name in ipairs(ARGV) do redis.call('HDEL', KEYS[1], name) end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  local namespace = name:match('^newest:(.*)$')
  if namespace then
    local last = newest(KEYS[1], namespace)
    if last == '' then redis.call('HDEL', KEYS[1], name)
    else redis.call('HSET', KEYS[1], name, last) end
  end
end
if redis.call('HLEN', KEYS[1]) == redis.call('HEXISTS', KEYS[1], 'owner') then
  redis.call('DEL', KEYS[1])
end
"""
)
