--- A finished file is handed over to whoever seals it: one entry a file in a queue folder. No cryptography here, no
-- key.
-- @module cx.sealing_queue

local json = require("cx.json")
local settings = require("cx.settings")
local text = require("cx.text")
local times = require("cx.times")

local sealing_queue = {}

--- Name of a file's entry: the same for the same file, so that an event that comes twice makes one entry.
function sealing_queue.entry_name(path)
  local folder, name = path:match("([^/]+)/([^/]+)$")
  return (text.name(folder, 32) or "file") .. "_" .. (text.name(name, 180) or "file") .. ".json"
end

--- Write the queue entry of a RECORD_STOP event.
-- @tparam table ports
-- @tparam function header value of the event's header of a name
-- @treturn ?string path of the entry, nil where the file is none of ours or the entry cannot be written
function sealing_queue.run(ports, header)
  local site = ports.settings
  local path = text.path(header("Record-File-Path"))
  if not path or not (settings.is_below(site.streams, path) or settings.is_below(site.bridges, path)) then
    local shown = text.field(header("Record-File-Path")) or "no path"
    ports.log("WARNING", "not handed over, since it lies in no recording folder: " .. shown)
    return nil
  end
  local entry = json.encode({
    filePath = path,
    fileSize = ports.files.size(path),
    completionCause = text.field(header("Record-Completion-Cause")),
    channelUuid = text.channel_uuid(header("Unique-ID") or header("variable_uuid")),
    callId = text.field(header("variable_sip_h_X-Call-ID")),
    recordMs = tonumber(header("variable_record_ms")),
    recorderId = site.recorder_id or ports.host,
    stoppedTime = times.iso(ports.now_ms()),
  })
  local entry_path = site.queue_folder .. "/" .. sealing_queue.entry_name(path)
  local is_written, why = ports.files.write(entry_path, entry)
  if not is_written then
    ports.log("ERR", ("not handed over for sealing: %s: %s"):format(path, tostring(why)))
    return nil
  end
  return entry_path
end

return sealing_queue
