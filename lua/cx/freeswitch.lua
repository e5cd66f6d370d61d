--- The one module that knows FreeSWITCH's objects, and even it gets them passed in.
--
-- It gives the others a table of ports: `command` (API commands), `session`, `log`, `files`, `now_ms`, `sleep_ms`,
-- `job_events`, `settings`. Tests pass fakes of the same objects.
-- @module cx.freeswitch

local settings = require("cx.settings")

local freeswitch_ports = {}

--- A channel's session: variables and applications. Where there is none, variables come from the hook's event.
local function session_ports(session, environment)
  local ports = {}

  --- Value of a channel variable; nil where it is not set or empty.
  function ports.variable(name)
    local value
    if session then
      value = session:getVariable(name)
    elseif environment then
      value = environment:getHeader("variable_" .. name) or environment:getHeader(name)
    end
    return value ~= nil and value ~= "" and tostring(value) or nil
  end

  --- Value of the first of some variables that is set.
  function ports.first(...)
    for _, name in ipairs({ ... }) do
      local value = ports.variable(name)
      if value then
        return value
      end
    end
    return nil
  end

  function ports.set(name, value)
    if session then
      session:setVariable(name, value)
    end
  end

  function ports.execute(application, data)
    if session then
      session:execute(application, data or "")
    end
  end

  --- Whether the call is still there.
  function ports.is_ready()
    return session ~= nil and session:ready() == true
  end

  function ports.answer()
    if session then
      session:answer()
    end
  end

  function ports.hangup(cause)
    if session then
      session:hangup(cause)
    end
  end

  return ports
end

--- An API command's output. One that begins with `-ERR` or `-USAGE` is nil and that text.
local function command_port(api)
  return function(name, arguments)
    local output = api:execute(name, arguments)
    output = output and (tostring(output):gsub("%s+$", "")) or ""
    if output:find("^%-ERR") or output:find("^%-USAGE") or output == "" then
      return nil, output
    end
    return output
  end
end

local function log_port(freeswitch, prefix)
  return function(level, message)
    -- One line, whatever the message holds: a line feed could forge another.
    freeswitch.consoleLog(level, prefix .. tostring(message):gsub("%c", " ") .. "\n")
  end
end

local function clock_port(api)
  return function()
    return tonumber(api:getTime()) or os.time() * 1000
  end
end

--- Build the ports from FreeSWITCH's objects.
-- @tparam table freeswitch mod_lua's global of that name
-- @tparam string script name for the log
-- @tparam ?table objects `session`, `environment` (the global `env` of a hook), `files` in place of the real ones
-- @treturn table ports
function freeswitch_ports.ports(freeswitch, script, objects)
  objects = objects or {}
  local api = freeswitch.API()
  local ports = {
    command = command_port(api),
    session = session_ports(objects.session, objects.environment),
    log = log_port(freeswitch, script .. ": "),
    files = objects.files or require("cx.files"),
    now_ms = clock_port(api),
    sleep_ms = freeswitch.msleep,
    host = freeswitch.getGlobalVariable("hostname"),
  }
  function ports.job_events()
    return freeswitch.EventConsumer and freeswitch.EventConsumer("BACKGROUND_JOB")
  end
  local problems
  ports.settings, problems = settings.load(ports.files, freeswitch.getGlobalVariable("cx_settings"))
  for _, problem in ipairs(problems) do
    ports.log("WARNING", problem)
  end
  return ports
end

--- Run a script's work so that no error of it reaches the call.
-- @treturn boolean whether it ended without one
-- @return what it returned
function freeswitch_ports.guarded(ports, work, ...)
  local is_done, result = pcall(work, ports, ...)
  if not is_done then
    ports.log("ERR", result)
  end
  return is_done, result
end

return freeswitch_ports
