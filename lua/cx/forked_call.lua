--- What a forked stream tells of its call: the parameters in its From header, and the headers that some sites add.
--
-- CUCM opens two dialogs to the recorder for each recorded leg. Both say which device is recorded (`x-nearend…`)
-- and whom it talks to (`x-farend…`); the flag `x-nearend` or `x-farend` says whose voice the stream carries, and
-- `x-refci` pairs the two. Old releases send only the flag and `x-refci`. No rank is given to what is missing: it
-- stays unknown.
-- @module cx.forked_call

local text = require("cx.text")

local forked_call = {}

local MAX_PARAMETERS = 64
local MAX_BYTES = 8192

-- Field, by parameter of the From header.
local PARAMETERS = {
  ["x-refci"] = "refci",
  ["x-nearendclusterid"] = "nearEndCluster",
  ["x-nearenddevice"] = "nearEndDevice",
  ["x-nearendaddr"] = "nearEndAddress",
  ["x-nearendguid"] = "nearEndGuid",
  ["x-farendrefci"] = "farEndRefci",
  ["x-farendclusterid"] = "farEndCluster",
  ["x-farenddevice"] = "farEndDevice",
  ["x-farendaddr"] = "farEndAddress",
  ["x-farendguid"] = "farEndGuid",
}

-- Field, and the variables that may hold it, the first that is set wins. FreeSWITCH matches their names in any
-- case.
local HEADERS = {
  { "globalCallId", "sip_h_X-Cisco-Call-ID", "sip_h_x-cisco-global-call-id" },
  { "jtapiCallId", "sip_h_x-cisco-jtapi-call-id" },
  { "callingNumber", "sip_h_x-cisco-calling-number" },
  { "calledNumber", "sip_h_x-cisco-called-number" },
  { "agentExtension", "sip_h_x-cisco-agent-extension" },
  { "agentDevice", "sip_h_x-cisco-agent-device" },
  { "direction", "sip_h_x-cisco-call-direction" },
  { "refci", "sip_h_x-refci" },
}

local DIRECTIONS = { INBOUND = "INBOUND", IN = "INBOUND", OUTBOUND = "OUTBOUND", OUT = "OUTBOUND",
  INTERNAL = "INTERNAL", CONSULT = "CONSULT" }

--- The parameters of a From header: `a;b=1;c="x"`.
-- @tparam ?string source `sip_from_params`, or a whole `sip_full_from`
-- @treturn table value by lower-case name; true for a flag
function forked_call.parameters(source)
  local found, count = {}, 0
  if type(source) ~= "string" then
    return found
  end
  local inside = source:sub(1, MAX_BYTES)
  inside = inside:match("<[^;>]*;([^>]*)>") or inside
  for part in inside:gmatch("[^;]+") do
    count = count + 1
    if count > MAX_PARAMETERS then
      break
    end
    local name, value = part:match("^%s*([A-Za-z0-9%-%._]+)%s*=%s*(.-)%s*$")
    name = (name or part:match("^%s*([A-Za-z0-9%-%._]+)%s*$") or ""):lower()
    if name ~= "" and found[name] == nil then
      found[name] = value and text.percent_decoded(value:match('^"(.*)"$') or value) or true
    end
  end
  return found
end

local function side_of(parameters)
  local is_near, is_far = parameters["x-nearend"] ~= nil, parameters["x-farend"] ~= nil
  if is_near == is_far then
    return "both" -- a mixed stream, or one that does not say
  end
  return is_near and "near" or "far"
end

--- The parties of the call as far as the direction tells them apart.
local function with_numbers(facts)
  local near, far = facts.nearEndAddress, facts.farEndAddress
  if facts.direction == "INBOUND" then
    facts.callingNumber = facts.callingNumber or far
    facts.calledNumber = facts.calledNumber or near
  elseif facts.direction == "OUTBOUND" then
    facts.callingNumber = facts.callingNumber or near
    facts.calledNumber = facts.calledNumber or far
  end
end

--- What is known of the call that a stream belongs to.
-- @tparam table session port
-- @treturn table fields of the manifest, `side` always, the others where known
function forked_call.facts(session)
  local parameters = forked_call.parameters(session.variable("sip_from_params"))
  if next(parameters) == nil or side_of(parameters) == "both" then
    local whole = forked_call.parameters(session.variable("sip_full_from"))
    parameters = side_of(whole) ~= "both" and whole or parameters
  end
  local facts = { side = side_of(parameters) }
  for name, field in pairs(PARAMETERS) do
    facts[field] = parameters[name] ~= true and text.field(parameters[name]) or nil
  end
  for _, header in ipairs(HEADERS) do
    facts[header[1]] = facts[header[1]] or text.field(session.first(header[2], header[3]))
  end
  -- The near end is the recorded phone in both streams; only SIPREC and the like lack it.
  facts.agentExtension = facts.agentExtension or facts.nearEndAddress
  facts.agentDevice = facts.agentDevice or facts.nearEndDevice
  facts.direction = facts.direction and DIRECTIONS[facts.direction:upper()] or nil
  with_numbers(facts)
  return facts
end

--- What names the call in a file's name: its call key `{node}_{id}`, else its refci, else the channel.
-- @tparam table facts
-- @tparam ?string channel_uuid
-- @treturn string safe as a part of a file's name
function forked_call.key(facts, channel_uuid)
  local call_id, node = tostring(facts.globalCallId or ""):match("^(%d+)/(%d+)$") -- Cisco's own text form
  return call_id and text.name(node .. "_" .. call_id) or text.name(facts.globalCallId) or text.name(facts.refci)
    or text.name(channel_uuid) or "unknown"
end

--- What both streams of a recorded leg have in common, and no other; nil where nothing pairs them.
function forked_call.pair(facts)
  local parts = { facts.nearEndCluster or "", facts.refci or "", facts.nearEndDevice or "" }
  return facts.refci and text.name(table.concat(parts, "-"), 128)
end

return forked_call
