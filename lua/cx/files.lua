--- Files, by Lua's own library: no shell takes part.
--
-- What is written under a final name is whole: it is written beside it first and renamed. Lua has no fsync; a
-- power cut may cost the last seconds of a manifest, and then the folder scan still finds the audio.
-- @module cx.files

local files = {}

local NO_SUCH_FILE, NO_FOLDER = 2, 20 -- ENOENT, ENOTDIR: the same number on every Unix

--- Whether something has this name. A file that may not be read counts too: what matters is that the name is taken.
function files.exists(path)
  local file, _, code = io.open(path, "rb")
  if file then
    file:close()
    return true
  end
  return code ~= NO_SUCH_FILE and code ~= NO_FOLDER
end

--- Size in bytes, nil where there is no such file.
function files.size(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local size = file:seek("end")
  file:close()
  return size
end

--- The whole content, nil where it cannot be read or is longer than the limit.
function files.read(path, max_bytes)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  local content, reason = file:read(max_bytes + 1)
  file:close()
  if content and #content > max_bytes then
    return nil, path .. ": longer than " .. max_bytes .. " bytes"
  end
  return content or (not reason and "") or nil, reason
end

local function put(path, mode, content)
  local file, why = io.open(path, mode)
  if not file then
    return nil, why
  end
  local is_written, reason = file:write(content)
  local is_closed, close_reason = file:close() -- a full disk may show only here
  if is_written and is_closed then
    return true
  end
  return nil, path .. ": " .. tostring(reason or close_reason)
end

--- Write a file so that its name never holds half of it.
-- @treturn ?boolean true, or nil and the reason; then nothing has the name that did not have it before
function files.write(path, content)
  -- The address is unlike that of any other state that runs at this moment; no reader looks for this suffix.
  local temporary = path .. "." .. tostring({}):gsub("[^%w]", "") .. ".tmp"
  local is_put, why = put(temporary, "wb", content)
  if is_put then
    is_put, why = os.rename(temporary, path)
  end
  if not is_put then
    os.remove(temporary)
    return nil, why
  end
  return true
end

--- Append one line.
function files.append(path, line)
  return put(path, "ab", line .. "\n")
end

--- Give a file another name.
function files.rename(from, to)
  return os.rename(from, to)
end

--- Remove a file; one that is not there is no error.
function files.remove(path)
  os.remove(path)
end

return files
