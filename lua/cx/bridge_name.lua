--- Name of a bridged call's recording (EFSwitch): chosen here, started once, by the dial plan.
--
-- `dialogId:agent:number:epochSeconds.wav` where the agent is known, `uuid.wav` for a consult call and where
-- nothing is known, `customer_leg_uuid.wav` for an outbound call; `…_n.wav` where the name is taken. FusionPBX
-- keeps path and name in `v_xml_cdr`, from where they are read: such a file has no manifest of its own.
-- @module cx.bridge_name

local settings = require("cx.settings")
local text = require("cx.text")
local times = require("cx.times")

local bridge_name = {}

local MAX_TRIES = 1000

local function uuid_of(session, name)
  return text.channel_uuid(session.variable(name))
end

local function dialog_name(ports, channel_uuid)
  local session = ports.session
  local agent = text.name(session.first("cx_agent_extension", "dialed_user", "destination_number"), 32)
  local number = text.name(session.first("sip_h_X-Customernumber", "caller_id_number"), 32, "+")
  if not agent or not number then
    return channel_uuid
  end
  local dialog = text.name(session.variable("sip_h_X-Call-Id"), 96) or channel_uuid
  return ("%s:%s:%s:%.0f"):format(dialog, agent, number, math.floor(ports.now_ms() / 1000))
end

--- The name without folder and suffix.
local function wanted_name(ports, channel_uuid)
  local call_type = ports.session.variable("sip_h_X-CallType")
  if call_type == "CONSULT" then
    return channel_uuid
  elseif call_type == "OUT" then
    return uuid_of(ports.session, "customer_leg_uuid") or channel_uuid
  end
  return dialog_name(ports, channel_uuid)
end

local function free_name(files, folder, name, channel_uuid, extension)
  local candidate = name
  for try = 1, MAX_TRIES do
    if not files.exists(("%s/%s.%s"):format(folder, candidate, extension)) then
      return candidate
    end
    -- A taken name falls back to the channel's, as FusionPBX's own scripts name it.
    candidate = ("%s_%d"):format(channel_uuid, try)
  end
  return nil
end

local function folder_of(ports)
  local asked = text.path(ports.session.variable("record_path"))
  if asked and settings.is_below(ports.settings.bridges, asked) then
    return asked
  end
  return ports.settings.bridges .. "/" .. times.day(ports.now_ms())
end

--- Choose the name and leave it in the channel's variables; the dial plan starts the recording.
-- @treturn ?string the path, nil where there is no name to be had
function bridge_name.run(ports)
  local session = ports.session
  local channel_uuid = uuid_of(session, "uuid")
  if not channel_uuid then
    ports.log("ERR", "the channel has no usable identifier: it is not recorded")
    return nil
  end
  if session.variable("sip_h_X-CallType") == "CONSULT" then
    session.execute("stop_record_session", "all")
  end
  local folder = folder_of(ports)
  local extension = (session.variable("record_ext") or ""):match("^%w%w%w%w?$") or "wav"
  session.execute("mkdir", folder)
  local name = free_name(ports.files, folder, wanted_name(ports, channel_uuid), channel_uuid, extension)
  if not name then
    ports.log("ERR", "every name of channel " .. channel_uuid .. " is taken: it is not recorded")
    return nil
  end
  local file_name = name .. "." .. extension
  local path = folder .. "/" .. file_name
  session.set("record_path", folder)
  session.set("record_name", file_name)
  session.set("recording_filename", file_name)
  session.set("cx_recording_path", path)
  session.set("recording_command", "nolocal:execute_on_answer=record_session " .. path)
  return path
end

return bridge_name
