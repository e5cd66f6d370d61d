--- Record one forked stream: who is it, is it wanted, under what name; then start, and leave a manifest.
--
-- Order matters. The rule is asked before the answer, since audio flows only after it: nothing is lost by waiting.
-- The manifest lies there before the recording begins: a switch that dies in between leaves a manifest without
-- audio, which says so, and never audio of which nobody knows the call.
-- @module cx.recording

local forked_call = require("cx.forked_call")
local manifest = require("cx.manifest")
local names = require("cx.names")
local rules = require("cx.rules")
local settings = require("cx.settings")
local text = require("cx.text")
local times = require("cx.times")

local recording = {}

local SIDES = "cx_recording_side"

local function opposite(side)
  return side == "near" and "far" or "near"
end

--- Let scripts that mask find both streams of a leg.
local function announce_side(ports, facts, channel_uuid)
  local pair = forked_call.pair(facts)
  if not pair or facts.side == "both" then
    return
  end
  ports.command("hash", ("insert/%s/%s_%s/%s"):format(SIDES, pair, facts.side, channel_uuid))
  ports.session.set("cx_recording_own_side", pair .. "_" .. facts.side)
  ports.session.set("cx_recording_sibling", pair .. "_" .. opposite(facts.side))
end

--- Take back what `record` said of its stream.
function recording.forget_side(ports, channel_uuid)
  local own = text.name(ports.session.variable("cx_recording_own_side"), 160)
  if own then
    ports.command("hash", ("delete_ifmatch/%s/%s/%s"):format(SIDES, own, channel_uuid))
  end
end

--- Channel that records the other side of a channel's leg.
-- @treturn ?string nil where nobody records it
-- @treturn boolean whether that is certain: without mod_hash nobody knows
function recording.sibling_of(ports, sibling_key)
  local answer, why = ports.command("hash", ("select/%s/%s"):format(SIDES, text.name(sibling_key, 160) or "none"))
  return text.channel_uuid(answer), answer ~= nil or why == ""
end

local function place_of(ports, facts, channel_uuid)
  local start_ms = ports.now_ms()
  local folder = ports.settings.streams .. "/" .. times.day(start_ms)
  -- FreeSWITCH's own application: no shell. The name is made of the settings and the date only.
  ports.session.execute("mkdir", folder)
  local base = ("%s_%s_%s"):format(forked_call.key(facts, channel_uuid), times.compact(start_ms), facts.side)
  local base_path = folder .. "/" .. names.reserve(ports, folder, base, channel_uuid)
  return { base_path = base_path, file_path = base_path .. ".wav", start_ms = start_ms, channel_uuid = channel_uuid }
end

local function set_variables(ports, place)
  local session = ports.session
  session.set("cx_recording_base", place.base_path)
  session.set("cx_recording_path", place.file_path)
  session.set("cx_recording_start_ms", ("%.0f"):format(place.start_ms))
  session.set("session_in_hangup_hook", "true")
  session.set("api_hangup_hook", "lua cx_hangup.lua")
  -- Only what arrives is recorded: the switch itself says nothing in this dialog.
  session.set("RECORD_READ_ONLY", "true")
  session.set("RECORD_STEREO", "false")
end

local function note_failure(ports, place, document)
  ports.log("ERR", "nothing is recorded: the switch could not open " .. place.file_path)
  manifest.complete(ports, place.base_path, document, { end_ms = ports.now_ms(), cause = "RECORDING_NOT_STARTED" })
  ports.session.set("cx_recording_base", "") -- nothing is left for the hang-up to complete
  names.release(ports, place.base_path:match("[^/]+$"))
end

local function start(ports, facts, channel_uuid)
  local place = place_of(ports, facts, channel_uuid)
  local document = manifest.begun(ports, facts, place)
  local is_begun, why = manifest.begin(ports, place.base_path, document)
  if not is_begun then
    ports.log("ERR", "no manifest yet, the hang-up tries again: " .. tostring(why))
  end
  set_variables(ports, place)
  ports.session.set("cx_tenant_id", facts.tenantId or "") -- whose call it is, for those who want it paused
  announce_side(ports, facts, channel_uuid)
  ports.session.execute("record_session", place.file_path)
  if not ports.files.exists(place.file_path) then
    note_failure(ports, place, document)
    return "FAILED"
  end
  ports.log("INFO", "recording " .. place.file_path)
  return "RECORDING"
end

--- Record under the channel's id alone, without a manifest: what is left where everything else failed.
local function record_plainly(ports, channel_uuid, why)
  ports.log("ERR", why)
  local path = ("%s/%s.wav"):format(ports.settings.streams, channel_uuid)
  if ports.session.variable("cx_recording_path") or ports.files.exists(path) then
    return "FAILED"
  end
  ports.log("ERR", "recorded without a manifest: " .. path)
  ports.session.execute("mkdir", ports.settings.streams)
  ports.session.execute("record_session", path)
  return "RECORDING"
end

--- Facts of a session's call, with its tenant.
function recording.facts(ports)
  local facts = forked_call.facts(ports.session)
  facts.tenantId = settings.tenant_of(ports.settings, facts.nearEndCluster, facts.calledNumber)
  return facts
end

--- What there is to be recorded, whatever cannot be read of it.
local function wanted(ports)
  local is_known, facts = pcall(recording.facts, ports)
  if not is_known then
    ports.log("ERR", "the call's facts cannot be read: " .. tostring(facts))
    facts = { side = "both", tenantId = ports.settings.tenant_id }
  end
  local is_asked, action = pcall(rules.ask, ports, facts)
  if not is_asked then
    ports.log("ERR", "the rules cannot be asked: " .. tostring(action))
    action = "RECORD"
  end
  return facts, action
end

--- Record the session's stream, unless a rule says no.
-- @tparam table ports
-- @treturn string RECORDING, SKIPPED, GONE (the caller hung up first) or FAILED
function recording.run(ports)
  local session = ports.session
  if not session.is_ready() then
    ports.log("NOTICE", "the call is gone before it could be recorded")
    return "GONE"
  end
  local channel_uuid = text.channel_uuid(session.variable("uuid")) or "unknown"
  local facts, action = wanted(ports)
  session.answer()
  if action == "SKIP" then
    ports.log("NOTICE", ("not recorded, as the rules say: channel %s, extension %s, refci %s"):format(
      channel_uuid, facts.agentExtension or "unknown", facts.refci or "unknown"))
    return "SKIPPED"
  elseif not session.is_ready() then
    ports.log("NOTICE", "the call is gone before it could be recorded")
    return "GONE"
  end
  local is_started, result = pcall(start, ports, facts, channel_uuid)
  return is_started and result or record_plainly(ports, channel_uuid, result)
end

return recording
