--- FreeSWITCH as far as the scripts see it: it records what was asked of it, and fails as the real one does.
--
-- A script's run is one call of `fake.run`: fresh modules, as mod_lua gives each script a state of its own; only the
-- switch lives on. The real file system is used. A `world` holds what the test set and what the scripts did:
-- `variables` (by channel), `executed`, `commands`, `requests`, `log`, `hash`, `globals`, `clock_ms`, `slept_ms`.
local fake = {}

local function matched(variables, name)
  for key, value in pairs(variables) do -- channel variables match in any case
    if key:lower() == name:lower() then
      return value
    end
  end
  return nil
end

local function set(variables, name, value)
  for key in pairs(variables) do
    if key:lower() == name:lower() then
      variables[key] = nil
    end
  end
  if value ~= "" then
    variables[name] = value
  end
end

--- A switch. `options.answer(url, body, timeout_s)` gives status and body, nothing for no answer.
function fake.world(options)
  options = options or {}
  return {
    globals = options.globals or {}, variables = {}, executed = {}, commands = {}, requests = {}, log = {}, hash = {},
    clock_ms = options.clock_ms or 1780912800000, tick_ms = 0, slept_ms = 0, missing = options.missing or {},
    answer = options.answer, jobs = {}, is_disk_full = false, recordings = {}, hung_up = {}, answered = {},
    script = options.script,
  }
end

local function split(arguments, separator, limit)
  local parts, current, is_quoted = {}, "", false
  for index = 1, #arguments do
    local character = arguments:sub(index, index)
    if #parts + 1 == limit then
      current = current .. character
    elseif character == "'" then
      is_quoted = not is_quoted
    elseif character == separator and not is_quoted then
      if current ~= "" then
        parts[#parts + 1], current = current, ""
      end
    else
      current = current .. character
    end
  end
  parts[#parts + 1] = current
  return parts
end

local function url_decoded(value)
  return (value:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function json_text(value)
  return '"' .. value:gsub('[%c"\\]', function(character)
    return ("\\u%04x"):format(character:byte())
  end) .. '"'
end

--- mod_curl: ten arguments at most, split at blanks; the status is 0 where there was no answer.
local function curl(world, arguments)
  local parts = split(arguments, " ", 10)
  local request = { url = parts[1], options = {}, timeout_s = 0 }
  local at = 2
  while at <= #parts do
    local word = parts[at]
    if word == "post" then
      at = at + 1
      request.method, request.body = "post", url_decoded(parts[at] or "")
    elseif word == "content-type" or word == "timeout" or word == "append_headers" then
      at = at + 1
      request.options[word] = parts[at]
    else
      request.options[word] = true
    end
    at = at + 1
  end
  request.timeout_s = tonumber(request.options.timeout)
  request.at_ms = world.clock_ms
  world.requests[#world.requests + 1] = request
  local status, body, took_ms = nil, nil, 0
  if world.answer then
    status, body, took_ms = world.answer(request.url, request.body, request.timeout_s)
  end
  took_ms = took_ms or 0
  if request.timeout_s and took_ms > request.timeout_s * 1000 then
    status, body, took_ms = 0, nil, request.timeout_s * 1000
  end
  local shown = body and ',"body":' .. json_text(body) or ""
  return '{"status_code":' .. (status or 0) .. shown .. ',"headers":[]}', took_ms
end

local function uuid_record(world, arguments)
  local uuid, action, path = arguments:match("^(%S+) (%S+) (%S+)$")
  if not uuid then
    return "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>]\n"
  elseif not world.variables[uuid] then
    return "-ERR Cannot locate session!\n"
  elseif world.recordings[path] ~= uuid then
    return "-ERR Cannot " .. action .. " record session!\n"
  end
  return "+OK Success\n"
end

local function uuid_getvar(world, arguments)
  local uuid, name = arguments:match("^(%S+) (%S+)$")
  local variables = world.variables[uuid]
  if not variables then
    return "-ERR No such channel!\n"
  end
  return matched(variables, name) or "_undef_"
end

local function hash(world, arguments)
  local parts = split(arguments, "/", 4)
  local action, key, value = parts[1], parts[2] .. "_" .. parts[3], parts[4]
  local held = world.hash[key]
  if action == "select" then
    return held or ""
  elseif action == "insert_ifempty" and held then
    return "-ERR key already exists\n"
  elseif action == "insert" or action == "insert_ifempty" then
    world.hash[key] = value
  elseif action == "delete" or (action == "delete_ifmatch" and held == value) then
    world.hash[key] = nil
  end
  return "+OK\n"
end

local COMMANDS = { uuid_record = uuid_record, uuid_getvar = uuid_getvar, hash = hash }

local function api(world)
  local object = {}

  function object.execute(_, name, arguments)
    world.commands[#world.commands + 1] = { name, arguments }
    if world.missing[name] then
      return "-ERR " .. name .. " Command not found!\n"
    elseif name == "curl" then
      local output, took_ms = curl(world, arguments)
      world.clock_ms = world.clock_ms + took_ms
      return output
    elseif name == "bgapi" then
      local output, took_ms = curl(world, arguments:gsub("^curl ", ""))
      local job = "job-" .. #world.requests
      world.jobs[#world.jobs + 1] = { job = job, at_ms = world.clock_ms + took_ms, body = output }
      return "+OK Job-UUID: " .. job .. "\n"
    end
    return (COMMANDS[name] or function() return "-ERR " .. name .. " Command not found!\n" end)(world, arguments)
  end

  function object.getTime()
    world.clock_ms = world.clock_ms + world.tick_ms
    return ("%.0f"):format(world.clock_ms)
  end

  return object
end

--- Events of background jobs; another's comes first, as on a switch that others use too.
local function event_consumer(world)
  local consumer = { has_seen_other = false }

  local function event(job, body)
    return {
      getHeader = function(_, name) return name == "Job-UUID" and job or nil end,
      getBody = function() return body end,
    }
  end

  function consumer.pop(_, _, timeout_ms)
    if not consumer.has_seen_other then
      consumer.has_seen_other = true
      return event("another-job", '{"status_code":200,"body":"{\\"record\\":false}"}')
    end
    local job = table.remove(world.jobs, 1)
    if not job or job.at_ms - world.clock_ms > timeout_ms then
      world.clock_ms = world.clock_ms + timeout_ms
      return nil
    end
    world.clock_ms = math.max(world.clock_ms, job.at_ms)
    return event(job.job, job.body)
  end

  function consumer.cleanup()
    consumer.is_cleaned = true
  end

  return consumer
end

--- mod_lua's global `freeswitch`.
local function new_freeswitch(world)
  return {
    API = function() return api(world) end,
    EventConsumer = not world.missing.EventConsumer and function() return event_consumer(world) end or nil,
    consoleLog = function(level, message) world.log[#world.log + 1] = level .. " " .. message end,
    getGlobalVariable = function(name) return world.globals[name] end,
    msleep = function(ms)
      world.slept_ms = world.slept_ms + ms
      world.clock_ms = world.clock_ms + ms
    end,
  }
end

local function write_audio(world, uuid, path)
  local file = not world.is_disk_full and io.open(path, "r+b") or nil
  if file then
    world.overwritten = path
    file:close()
  end
  file = not world.is_disk_full and io.open(path, "wb")
  if file then
    file:write("RIFF" .. ("\0"):rep(40))
    file:close()
    world.recordings[path] = uuid
  end
end

--- A session of a channel. `world.mkdir(path)` makes a folder.
local function new_session(world, uuid)
  local variables, object = world.variables[uuid], {}

  function object.getVariable(_, name) return matched(variables, name) end
  function object.setVariable(_, name, value) set(variables, name, value) end
  function object.ready() return not world.hung_up[uuid] end

  function object.answer()
    world.answered[uuid] = world.clock_ms
    if world.hangs_up_at_answer then
      world.hung_up[uuid] = true
    end
  end

  function object.hangup(_, cause)
    world.hung_up[uuid] = cause or true
  end

  function object.execute(_, application, data)
    world.executed[#world.executed + 1] = { application, data }
    if application == "mkdir" and not world.is_disk_full then
      world.mkdir(data)
    elseif application == "record_session" and not world.hung_up[uuid] then
      write_audio(world, uuid, data)
    end
  end

  return object
end

local OF_A_SCRIPT = { "freeswitch", "session", "argv", "event", "env", "stream" }

--- Run an entry script as mod_lua does.
-- @tparam table world
-- @tparam string name of the script, without suffix
-- @tparam ?table how `uuid` (its session), `argv`, `event` (headers), `env` (variables)
-- @treturn string what it wrote to its stream
function fake.run(world, name, how)
  how = how or {}
  local output = ""
  _G.freeswitch = new_freeswitch(world)
  _G.session = how.uuid and new_session(world, how.uuid) or nil
  _G.argv = how.argv or {}
  _G.event = how.event and { getHeader = function(_, header) return how.event[header] end } or nil
  _G.env = how.env and { getHeader = function(_, header) return how.env[header] end } or nil
  _G.stream = { write = function(_, text) output = output .. text end }
  for module in pairs(package.loaded) do
    if module:find("^cx%.") then
      package.loaded[module] = nil
    end
  end
  local is_done, why = pcall(dofile, world.globals.script_dir .. "/" .. name .. ".lua")
  for _, left in ipairs(OF_A_SCRIPT) do
    _G[left] = nil
  end
  if not is_done then
    error(name .. ": " .. tostring(why), 0)
  end
  return output
end

return fake
