--- Names of recordings that nothing has yet.
-- @module cx.names

local names = {}

local MAX_TRIES = 100
local REALM = "cx_recording_name"

local function is_taken(files, path)
  return files.exists(path .. ".wav") or files.exists(path .. ".json") or files.exists(path .. ".json.part")
end

--- Reserve a name among all calls of this switch. Without mod_hash every name that no file has counts as free.
local function is_reserved(ports, name, channel_uuid)
  local answer, why = ports.command("hash", ("insert_ifempty/%s/%s/%s"):format(REALM, name, channel_uuid))
  return answer ~= nil or not tostring(why):find("already exists", 1, true)
end

--- A name without suffix that no file and no other call has: the base, or the base with `_1`, `_2` …
-- @tparam table ports
-- @tparam string folder
-- @tparam string base safe as a file's name
-- @tparam string channel_uuid
-- @treturn string
function names.reserve(ports, folder, base, channel_uuid)
  for try = 0, MAX_TRIES do
    local name = try == 0 and base or base .. "_" .. try
    if not is_taken(ports.files, folder .. "/" .. name) and is_reserved(ports, name, channel_uuid) then
      return name
    end
  end
  return base .. "_" .. channel_uuid
end

--- Let go of a name, once its files are there.
function names.release(ports, name)
  ports.command("hash", ("delete/%s/%s"):format(REALM, name))
end

return names
