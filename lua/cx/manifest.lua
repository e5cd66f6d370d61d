--- The manifest of a recording: one JSON document beside each WAV, with the WAV's name.
--
-- For `…/20260608/1_291_20260608T100000.000_near.wav` that is `…_near.json.part` while the recording runs and
-- `…_near.json` after it. Fields as in guide 19.6.1, and: refci, side, agentDevice, sampleRate, masked,
-- completionCause, recorderId, channelUuid, and what the fork told of both ends. Times are ISO 8601, UTC,
-- milliseconds. What is not known is left out. `callId` is there only where a header gave a call id: a refci or a
-- channel's id in its place would pass for one.
-- @module cx.manifest

local json = require("cx.json")
local times = require("cx.times")

local manifest = {}

local MAX_BYTES = 262144
local DEFAULT_SAMPLE_RATE = 8000

--- Path of the unfinished manifest.
function manifest.part_path(base_path)
  return base_path .. ".json.part"
end

--- Path of the finished manifest.
function manifest.path(base_path)
  return base_path .. ".json"
end

--- A manifest at the start of a recording.
-- @tparam table ports
-- @tparam table facts of the call, with `tenantId`
-- @tparam table place `file_path` (absolute), `start_ms`, `channel_uuid`
-- @treturn table document
function manifest.begun(ports, facts, place)
  local document = {}
  for name, value in pairs(facts) do
    document[name] = value
  end
  document.callId = facts.globalCallId
  document.startTime = times.iso(place.start_ms)
  document.filePath = place.file_path
  document.recordingType = ports.settings.recording_type
  document.sampleRate = tonumber(ports.session.variable("record_sample_rate"))
    or tonumber(ports.session.variable("read_rate")) or DEFAULT_SAMPLE_RATE
  document.recorderId = ports.settings.recorder_id or ports.host
  document.channelUuid = place.channel_uuid
  document.masked = json.array()
  return document
end

local function write(ports, path, document)
  local encoded, why = json.encode(document)
  if not encoded then
    return nil, why
  end
  return ports.files.write(path, encoded)
end

--- Read a manifest, finished or not.
-- @treturn ?table document
-- @treturn string its path, or the reason
function manifest.read(ports, base_path)
  local why
  for _, path in ipairs({ manifest.path(base_path), manifest.part_path(base_path) }) do
    local content, reason = ports.files.read(path, MAX_BYTES)
    local document = content and json.decode(content)
    if type(document) == "table" then
      document.masked = json.array(type(document.masked) == "table" and document.masked or {})
      return document, path
    end
    why = reason or path .. " is not JSON"
  end
  return nil, why
end

--- Write the manifest of a recording that begins.
function manifest.begin(ports, base_path, document)
  return write(ports, manifest.part_path(base_path), document)
end

--- The later of two times. A clock that was set back must not let anything end before it began: readers refuse that.
local function not_before(start, stop)
  return stop < start and start or stop
end

local function close_masks(masked, at)
  for _, mask in ipairs(masked) do
    mask.to = mask.to or not_before(mask.from, at)
  end
end

--- Complete the manifest: end, size, cause; then give it its final name in one step.
-- @tparam table ports
-- @tparam string base_path
-- @tparam table document
-- @tparam table ending `end_ms`, `cause`
-- @treturn ?boolean true, or nil and the reason
function manifest.complete(ports, base_path, document, ending)
  if document.endTime and ports.files.exists(manifest.path(base_path)) then
    return true -- a hook that runs twice changes nothing
  end
  document.endTime = not_before(document.startTime, times.iso(ending.end_ms))
  document.fileSize = ports.files.size(document.filePath)
  document.completionCause = ending.cause
  close_masks(document.masked, document.endTime)
  local is_written, why = write(ports, manifest.part_path(base_path), document)
  if not is_written then
    return nil, why
  end
  return ports.files.rename(manifest.part_path(base_path), manifest.path(base_path))
end

--- Note that a span begins or ends that must not be heard.
-- @tparam table ports
-- @tparam string base_path
-- @tparam string action mask or unmask
-- @tparam table note `at` (ISO), `by`, `reason`
-- @treturn ?boolean true, or nil and the reason
function manifest.note_mask(ports, base_path, action, note)
  local document, path = manifest.read(ports, base_path)
  if not document then
    return nil, path
  end
  local masked = document.masked
  local last = masked[#masked]
  local is_open = last ~= nil and last.to == nil
  if action == "mask" and not is_open then
    masked[#masked + 1] = { from = note.at, by = note.by, reason = note.reason }
  elseif action == "unmask" and is_open then
    last.to = not_before(last.from, note.at)
  end
  local is_written, why = write(ports, path, document)
  if is_written and path ~= manifest.path(base_path) and ports.files.exists(manifest.path(base_path)) then
    -- The call ended meanwhile: the finished manifest gets the mask too, and no part stays behind.
    ports.files.remove(path)
    return manifest.note_mask(ports, base_path, action, note)
  end
  return is_written, why
end

return manifest
