--- What differs by site: a Lua file that returns a table, run without any function and without byte code.
--
-- A missing or broken file stops no recording: the defaults hold, and the log says so. A service number is a key
-- of a table, never a part of a path.
-- @module cx.settings

local text = require("cx.text")

local settings = {}

local MAX_BYTES = 1048576

local DEFAULTS = {
  tenant_id = "default",
  tenants_by_cluster = {},
  streams = "/var/vrs/recordings/cucmRecording/streams",
  bridges = "/app/files/wav",
  queue_folder = "/var/vrs/recordings/cucmRecording/queue",
  audit_folder = "/var/vrs/recordings/cucmRecording/audit",
  recording_type = "BIB",
  gateway_url = "http://127.0.0.1:9900",
  rules_timeout_ms = 500,
  notify_timeout_s = 2,
  voice_connector_timeout_s = 3,
  requeue_wait_ms = 3000,
  esl_host = "127.0.0.1",
  prompts = "/app/prompts",
  hold_music = "local_stream://moh",
  service_numbers = {},
}

local FOLDERS = { "streams", "bridges", "queue_folder", "audit_folder", "prompts" }
local URLS = { "gateway_url", "voice_connector_url" }
local NUMBERS = { "rules_timeout_ms", "notify_timeout_s", "voice_connector_timeout_s", "requeue_wait_ms" }
local TABLES = { "tenants_by_cluster", "service_numbers" }
local OF_A_SERVICE = { "queue", "queue_type", "priority", "transfer_type", "voicemail_enabled", "voicemail_number",
  "tenant_id", "prompts", "hold_music", "bridges" }

--- Run a settings file's text: no functions to call, no byte code.
-- @treturn ?table nil and the reason
function settings.parsed(source, name)
  if source:byte() == 27 then
    return nil, name .. ": byte code"
  end
  local chunk, why
  if setfenv then -- Lua 5.1
    chunk, why = loadstring(source, "=" .. name)
    if chunk then
      setfenv(chunk, {})
    end
  else
    chunk, why = load(source, "=" .. name, "t", {})
  end
  if not chunk then
    return nil, why
  end
  local is_done, result = pcall(chunk)
  if not is_done or type(result) ~= "table" then
    return nil, is_done and name .. ": it returns no table" or result
  end
  return result
end

local function is_url(value)
  return type(value) == "string" and value:find("^https?://[A-Za-z0-9%.%-_:%[%]]+[A-Za-z0-9%-%._~/]*$") ~= nil
end

local function keep(chosen, names, is_right, problems)
  for _, name in ipairs(names) do
    if chosen[name] ~= nil and not is_right(chosen[name]) then
      problems[#problems + 1] = name .. " is not usable"
      chosen[name] = nil
    end
  end
end

--- Settings with the defaults where nothing, or nothing usable, is said.
-- @tparam table given what the site's file returned
-- @treturn table settings
-- @treturn {string,...} what was not usable, one text each, without its value
function settings.complete(given)
  local chosen, problems = {}, {}
  for name, value in pairs(given) do
    chosen[name] = value
  end
  keep(chosen, FOLDERS, text.path, problems)
  keep(chosen, URLS, is_url, problems)
  keep(chosen, NUMBERS, function(value) return type(value) == "number" and value > 0 and value <= 60000 end, problems)
  keep(chosen, TABLES, function(value) return type(value) == "table" end, problems)
  for name, value in pairs(DEFAULTS) do
    if chosen[name] == nil then
      chosen[name] = value
    end
  end
  for _, name in ipairs(URLS) do
    chosen[name] = chosen[name] and chosen[name]:gsub("/+$", "")
  end
  return chosen, problems
end

--- Read the site's settings.
-- @tparam table files
-- @tparam ?string path of the site's file
-- @treturn table settings
-- @treturn {string,...} problems to be logged
function settings.load(files, path)
  local source, why = nil, "no settings file is named"
  if path and path ~= "" then
    source, why = files.read(path, MAX_BYTES)
  end
  local given
  if source then
    given, why = settings.parsed(source, path)
  end
  local chosen, problems = settings.complete(given or {})
  if not given then
    table.insert(problems, 1, tostring(why) .. ": the defaults hold")
  end
  if chosen.gateway_token_file then
    local token = files.read(tostring(chosen.gateway_token_file), 4096)
    chosen.gateway_token = token and token:match("^%s*(%S+)%s*$")
    if not chosen.gateway_token then
      problems[#problems + 1] = "gateway_token_file holds no token"
    end
  end
  return chosen, problems
end

--- Settings of a service number: those of its entry, else the site's.
-- @tparam table site settings
-- @tparam ?string number as dialled
-- @treturn table
-- @treturn boolean whether the number has an entry
function settings.of_service(site, number)
  local entry = type(number) == "string" and site.service_numbers[number]
  local is_known = type(entry) == "table"
  local service = {}
  for _, name in ipairs(OF_A_SERVICE) do
    service[name] = is_known and entry[name]
    if not is_known or entry[name] == nil then
      service[name] = site[name]
    end
  end
  service.prompts = text.path(service.prompts) or site.prompts
  service.bridges = text.path(service.bridges) or site.bridges
  return service, is_known
end

--- Tenant of a forked call: by the cluster that forked it, else by the number that was called, else the site's.
-- The wire never names a tenant: a value of it is only looked up.
function settings.tenant_of(site, cluster_id, called_number)
  local by_cluster = cluster_id and site.tenants_by_cluster[cluster_id]
  return text.field(by_cluster) or text.field((settings.of_service(site, called_number)).tenant_id) or "default"
end

--- Whether a path is an absolute, plain one below a folder.
function settings.is_below(folder, path)
  local plain = text.path(path)
  return plain ~= nil and plain:sub(1, #folder + 1) == folder .. "/"
end

return settings
