--- Ask the gateway whether a call is to be recorded. Anything but a clear no means yes.
-- @module cx.rules

local http = require("cx.http")
local json = require("cx.json")
local times = require("cx.times")

local rules = {}

--- Whether an answer says SKIP, and nothing in it says otherwise.
-- Understood are the guide's `record` (19.4.4) and the rules' own `action`.
function rules.says_skip(status, body)
  local answer = status == 200 and json.decode(body)
  if type(answer) ~= "table" then
    return false
  end
  local record, action = answer.record, answer.action
  if record == json.null then
    record = nil
  end
  if action == json.null then
    action = nil
  end
  local is_said = record == false or action == "SKIP"
  return is_said and (record == nil or record == false) and (action == nil or action == "SKIP")
end

--- RECORD or SKIP, within `rules_timeout_ms`.
-- @tparam table ports
-- @tparam table facts of the call
-- @treturn string RECORD or SKIP
function rules.ask(ports, facts)
  local site = ports.settings
  local question = json.encode({
    agentExtension = facts.agentExtension,
    agentDevice = facts.agentDevice,
    callingNumber = facts.callingNumber,
    calledNumber = facts.calledNumber,
    direction = facts.direction,
    globalCallId = facts.globalCallId,
    refci = facts.refci,
    tenantId = facts.tenantId,
    timestamp = times.iso(ports.now_ms()),
  })
  local status, body = http.post_within(
    ports, site.gateway_url .. "/vrs/recording-rules/evaluate", question, site.rules_timeout_ms, site.gateway_token)
  if rules.says_skip(status, body) then
    return "SKIP"
  elseif status ~= 200 then
    ports.log("WARNING", ("no rule's answer (%s): recording"):format(status and "status " .. status or tostring(body)))
  end
  return "RECORD"
end

return rules
