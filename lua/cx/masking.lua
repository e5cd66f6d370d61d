--- Mask and unmask a recording: the file goes on with silence, so that an offset in it stays an offset in the call.
--
-- Never `pause`, which shortens the file. Both streams of a forked leg are masked, or the answer says which was
-- not: a card number said by one party is repeated by the other.
-- @module cx.masking

local json = require("cx.json")
local manifest = require("cx.manifest")
local recording = require("cx.recording")
local settings = require("cx.settings")
local text = require("cx.text")
local times = require("cx.times")

local masking = {}

local function variable_of(ports, channel_uuid, name)
  local value = ports.command("uuid_getvar", channel_uuid .. " " .. name)
  return value ~= "_undef_" and value or nil
end

local function is_recording_path(ports, path)
  return settings.is_below(ports.settings.streams, path) or settings.is_below(ports.settings.bridges, path)
end

--- The channel's own recording; for a bridged call that of the other leg where this one has none.
local function own_target(ports, channel_uuid)
  local path = text.path(variable_of(ports, channel_uuid, "cx_recording_path"))
  if not path or not is_recording_path(ports, path) then
    return nil
  end
  local uuids = { channel_uuid, text.channel_uuid(variable_of(ports, channel_uuid, "bridge_uuid")) }
  return { uuids = uuids, path = path }
end

--- Recordings that hold what is said on a channel. A sibling that there may be, and nobody knows, has no channels.
local function targets_of(ports, channel_uuid)
  local own = own_target(ports, channel_uuid)
  if not own then
    return {}
  end
  local sibling_key = variable_of(ports, channel_uuid, "cx_recording_sibling")
  if not sibling_key then
    return { own }
  end
  local sibling, is_certain = recording.sibling_of(ports, sibling_key)
  if not sibling and is_certain then
    return { own }
  end
  return { own, sibling and own_target(ports, sibling) or { uuids = {}, path = sibling_key } }
end

--- Ask the switch; the recording may hang on either leg of a bridge.
local function apply(ports, target, action)
  for _, channel_uuid in pairs(target.uuids) do
    if ports.command("uuid_record", ("%s %s %s"):format(channel_uuid, action, target.path)) then
      return true
    end
  end
  return false
end

--- One line in the day's audit file and in the log.
local function audit(ports, entry, moment_ms)
  local line = json.encode(entry)
  ports.log("NOTICE", "audit " .. line)
  local path = ("%s/%s.jsonl"):format(ports.settings.audit_folder, times.day(moment_ms))
  local is_kept, why = ports.files.append(path, line)
  if not is_kept then
    ports.log("ERR", "the audit line is in this log only: " .. tostring(why))
  end
end

local function mask_target(ports, target, request)
  local before_ms = ports.now_ms()
  local is_done = apply(ports, target, request.action)
  local after_ms = ports.now_ms()
  -- The span that counts is the longer one: from before the silence began until after it ended.
  local moment_ms = request.action == "mask" and before_ms or after_ms
  audit(ports, {
    action = request.action, at = times.iso(moment_ms), by = request.by, reason = request.reason,
    channelUuid = request.channel_uuid, filePath = target.path, isDone = is_done,
    recorderId = ports.settings.recorder_id or ports.host,
  }, moment_ms)
  local base_path = target.path:match("^(.*)%.wav$")
  if is_done and base_path and settings.is_below(ports.settings.streams, base_path) then
    local is_noted, why = manifest.note_mask(ports, base_path, request.action,
      { at = times.iso(moment_ms), by = request.by, reason = request.reason })
    if not is_noted then
      ports.log("ERR", "the manifest does not tell of the mask: " .. tostring(why))
    end
  end
  return is_done
end

--- Who asks for what: by arguments `uuid who reason…` of an API call, or by a key pressed in the call itself.
local function request_of(ports, action, arguments)
  local reason = {}
  for index = 3, #arguments do
    reason[#reason + 1] = tostring(arguments[index])
  end
  local session = ports.session
  local presser = session.first("sip_auth_username", "user_name", "caller_id_number")
  return {
    action = action,
    channel_uuid = text.channel_uuid(arguments[1] or session.variable("uuid")),
    by = text.field(arguments[2], 128) or text.field(presser and "key:" .. presser, 128) or "unknown",
    reason = text.field(table.concat(reason, " "), 200) or (arguments[1] and "not said" or "key pressed"),
  }
end

--- Mask or unmask what a channel's call records.
-- @tparam table ports
-- @tparam string action mask or unmask
-- @tparam {string,...} arguments `uuid`, who asks, why; none for the session's own call
-- @treturn string `+OK …` where every recording of the call obeyed, else `-ERR …`
function masking.run(ports, action, arguments)
  local request = request_of(ports, action, arguments)
  if not request.channel_uuid then
    return "-ERR no channel is named"
  end
  local targets = targets_of(ports, request.channel_uuid)
  local done = 0
  for _, target in ipairs(targets) do
    done = done + (mask_target(ports, target, request) and 1 or 0)
  end
  local is_all = #targets > 0 and done == #targets
  if not is_all then
    ports.log("ERR", ("%s: %d of %d recordings of channel %s obeyed"):format(
      action, done, #targets, request.channel_uuid))
  end
  return ("%s %sed %d of %d"):format(is_all and "+OK" or "-ERR", action, done, #targets)
end

return masking
