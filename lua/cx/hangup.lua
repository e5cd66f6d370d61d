--- What is done when a call is over: complete its manifest, tell the gateway, tell the voice connector.
--
-- The call has ended: nobody waits but the channel's own thread. With everything away it lasts at most three
-- time-outs of `notify_timeout_s` and 0.75 s for each address that is told: 6.75 s by default for a forked stream.
-- @module cx.hangup

local http = require("cx.http")
local manifest = require("cx.manifest")
local names = require("cx.names")
local recording = require("cx.recording")
local settings = require("cx.settings")
local text = require("cx.text")
local voice_connector = require("cx.voice_connector")

local hangup = {}

local WAITS_MS = { 250, 500 }

--- The manifest as it lies there, or made anew from the channel's variables where it is lost.
local function document_of(ports, base_path, channel_uuid)
  local document, why = manifest.read(ports, base_path)
  if document then
    return document
  end
  ports.log("WARNING", "the manifest is made anew: " .. tostring(why))
  return manifest.begun(ports, recording.facts(ports), {
    file_path = base_path .. ".wav",
    start_ms = tonumber(ports.session.variable("cx_recording_start_ms")) or ports.now_ms(),
    channel_uuid = channel_uuid,
  })
end

local function cause(session)
  return text.field(session.first("record_completion_cause", "hangup_cause")) or "UNKNOWN"
end

--- Complete the manifest of this channel's recording.
-- @treturn ?table the manifest, nil where this channel recorded nothing
local function complete(ports)
  local base_path = text.path(ports.session.variable("cx_recording_base"))
  if not base_path or not settings.is_below(ports.settings.streams, base_path) then
    return nil
  end
  local channel_uuid = text.channel_uuid(ports.session.variable("uuid")) or "unknown"
  local document = document_of(ports, base_path, channel_uuid)
  local is_complete, why = manifest.complete(
    ports, base_path, document, { end_ms = ports.now_ms(), cause = cause(ports.session) })
  if not is_complete then
    ports.log("ERR", "the manifest stays unfinished: " .. tostring(why))
  end
  names.release(ports, base_path:match("[^/]+$"))
  recording.forget_side(ports, channel_uuid)
  return document
end

local function tell_gateway(ports, document)
  local site = ports.settings
  local status, why = http.post(ports, site.gateway_url .. "/mixer/sip-data", document,
    { timeout_s = site.notify_timeout_s, waits_ms = WAITS_MS, token = site.gateway_token })
  if status then
    ports.log("INFO", "told the gateway of " .. document.filePath)
  else
    ports.log("WARNING", ("the gateway does not know of %s (%s): the folder scan finds it"):format(
      document.filePath, tostring(why)))
  end
end

--- Do all that is to be done; an error in one part keeps none of the others from its own.
-- @tparam table ports
-- @treturn ?table the manifest, where the channel recorded
function hangup.run(ports)
  local is_done, document = pcall(complete, ports)
  if not is_done then
    ports.log("ERR", document)
  elseif document then
    tell_gateway(ports, document)
  end
  if ports.session.variable("cx_platform_call") == "true" then
    voice_connector.call_ended(ports)
  end
  return is_done and document or nil
end

return hangup
