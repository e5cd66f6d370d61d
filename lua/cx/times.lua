--- Moments as texts, in UTC with milliseconds. A moment is a number of milliseconds since 1970.
-- @module cx.times

local times = {}

local function at(format, moment_ms)
  return os.date("!" .. format, math.floor(moment_ms / 1000))
end

local function milliseconds(moment_ms)
  return (".%03d"):format(math.floor(moment_ms) % 1000)
end

--- `2026-06-08T10:00:00.000Z`: the form of a manifest.
function times.iso(moment_ms)
  return at("%Y-%m-%dT%H:%M:%S", moment_ms) .. milliseconds(moment_ms) .. "Z"
end

--- `20260608T100000.000`: the form of a file's name.
function times.compact(moment_ms)
  return at("%Y%m%dT%H%M%S", moment_ms) .. milliseconds(moment_ms)
end

--- `20260608`: the name of a day's folder.
function times.day(moment_ms)
  return at("%Y%m%d", moment_ms)
end

return times
