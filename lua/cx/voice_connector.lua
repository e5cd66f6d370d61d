--- What the voice connector is told: an agent is wanted, is no longer wanted, the call is over (guide 5 to 7, 12,
-- 18.6.5).
-- @module cx.voice_connector

local http = require("cx.http")
local settings = require("cx.settings")
local text = require("cx.text")
local times = require("cx.times")

local voice_connector = {}

local REQUEST_WAITS_MS = { 1000, 1000 }
local END_WAITS_MS = { 250, 500 }

--- The call as the connector knows it.
-- @treturn table call: `number` (service number), `service` (its settings) and the fields of a request
function voice_connector.call_of(ports)
  local session = ports.session
  local number = text.field(session.first("cx_service_number", "sip_h_X-Destination-Number", "destination_number"))
  local direction = (session.variable("call_direction") or "INBOUND"):upper()
  return {
    number = number,
    service = (settings.of_service(ports.settings, number)),
    customer = text.field(session.variable("caller_id_number")),
    uuid = text.channel_uuid(session.variable("uuid")),
    sip_call_id = text.field(session.variable("sip_call_id")),
    direction = direction == "OUTBOUND" and "OUTBOUND" or "INBOUND",
  }
end

local function common(ports, call)
  return {
    callingNumber = call.customer,
    callSipId = call.sip_call_id,
    callUid = call.uuid,
    eslHost = ports.settings.esl_host,
    serviceIdentifier = call.number,
    direction = call.direction,
  }
end

local function post(ports, path, document, options)
  local url = ports.settings.voice_connector_url
  if not url then
    return nil, "voice_connector_url is not set"
  end
  options.timeout_s = options.timeout_s or ports.settings.voice_connector_timeout_s
  return http.post(ports, url .. path, document, options)
end

--- Ask for an agent: three tries, at most 11 s.
-- @treturn boolean whether the connector took the request
function voice_connector.request_agent(ports, call)
  local document = common(ports, call)
  document.queue = call.service.queue
  document.queueType = call.service.queue_type or "NAME"
  document.priority = call.service.priority or ""
  local status, why = post(ports, "/request-agent", document, { waits_ms = REQUEST_WAITS_MS })
  if not status then
    ports.log("ERR", ("no agent can be asked for, service %s: %s"):format(call.number or "unknown", tostring(why)))
  end
  return status ~= nil
end

--- Say that an agent is no longer wanted, and why: three tries, at most 9.75 s.
-- @tparam table ports
-- @tparam table call
-- @tparam string error_code `RONA` and the like
-- @treturn boolean whether the connector took it
function voice_connector.cancel_agent(ports, call, error_code)
  local document = common(ports, call)
  document.errorCode = error_code
  local status, why = post(ports, "/cancel-agent", document, { waits_ms = END_WAITS_MS })
  if not status then
    ports.log("ERR", "the request for an agent could not be cancelled: " .. tostring(why))
  end
  return status ~= nil
end

--- Say that a call of the platform is over, to the connector and to the gateway.
function voice_connector.call_ended(ports)
  local session, site = ports.session, ports.settings
  local call = voice_connector.call_of(ports)
  local document = common(ports, call)
  document.uuid = call.uuid
  document.hangupCause = text.field(session.variable("hangup_cause")) or "UNKNOWN"
  document.recordingFile = text.field(session.variable("recording_filename"))
  document.duration = tonumber(session.variable("duration"))
  document.endTime = times.iso(ports.now_ms())
  document.tenantId = call.service.tenant_id
  local options = { timeout_s = site.notify_timeout_s, waits_ms = END_WAITS_MS }
  if site.voice_connector_url then
    local status, why = http.post(ports, site.voice_connector_url .. "/call-ended", document, options)
    if not status then
      ports.log("ERR", "the voice connector does not know that the call is over: " .. tostring(why))
    end
  end
  options.token = site.gateway_token
  local status, why = http.post(ports, site.gateway_url .. "/call-ended", document, options)
  if not status then
    ports.log("WARNING", "the gateway does not know that the call is over: " .. tostring(why))
  end
end

return voice_connector
