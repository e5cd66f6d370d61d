--- Text that came over the wire, made safe for names, fields and arguments.
--
-- A SIP header may hold anything at all: path separators, quotes, line feeds, NUL, 300 digits, half a UTF-8
-- sequence. Nothing of it reaches a path, an argument of an API command or a JSON document without passing here.
-- @module cx.text

local text = {}

local REPLACEMENT = "\239\191\189" -- U+FFFD

--- Bytes of the UTF-8 sequence that begins at a position, nil where none does (RFC 3629: no overlong forms, no
-- surrogates).
local function sequence_length(value, at)
  local first, second = value:byte(at, at + 1)
  local length = (first < 0x80 and 1) or (first >= 0xC2 and first < 0xE0 and 2)
    or (first >= 0xE0 and first < 0xF0 and 3) or (first >= 0xF0 and first < 0xF5 and 4)
  if not length then
    return nil
  end
  for offset = 1, length - 1 do
    local byte = value:byte(at + offset)
    if not byte or byte < 0x80 or byte > 0xBF then
      return nil
    end
  end
  local is_bad = (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F)
    or (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F)
  return not is_bad and length or nil
end

--- The text as valid UTF-8: each byte that is not part of a sequence becomes U+FFFD.
-- @tparam string value any bytes
-- @tparam[opt] number max_bytes cut before the sequence that would pass this length
-- @treturn string valid UTF-8
function text.utf8(value, max_bytes)
  if not value:find("[\128-\255]") then
    return max_bytes and value:sub(1, max_bytes) or value
  end
  local parts, bytes, at = {}, 0, 1
  while at <= #value do
    local length = sequence_length(value, at)
    local part = length and value:sub(at, at + length - 1) or REPLACEMENT
    bytes = bytes + #part
    if max_bytes and bytes > max_bytes then
      break
    end
    parts[#parts + 1] = part
    at = at + (length or 1)
  end
  return table.concat(parts)
end

--- A value as a field of a document: valid UTF-8, no control characters, trimmed, at most 256 bytes.
-- @param value what a channel variable held; anything but a string or number is nothing
-- @tparam[opt=256] number max_bytes
-- @treturn ?string nil where nothing is left: what is not known is absent, never an empty text
function text.field(value, max_bytes)
  if type(value) ~= "string" and type(value) ~= "number" then
    return nil
  end
  local clean = text.utf8(tostring(value):gsub("%c", " "), max_bytes or 256)
  clean = clean:match("^%s*(.-)%s*$")
  return clean ~= "" and clean or nil
end

--- A value as a part of a file name: letters, digits, `.`, `_` and `-` of ASCII, all else `_`.
-- It never begins with a dot or a dash, never holds two dots in a row, and has at most 64 bytes.
-- @param value what a channel variable held
-- @tparam[opt=64] number max_bytes
-- @tparam[opt=""] string also further characters that may stay, as in a Lua character set
-- @treturn ?string nil where nothing is left
function text.name(value, max_bytes, also)
  local field = text.field(value, 1024)
  if not field then
    return nil
  end
  local name = field:gsub("[^A-Za-z0-9%._%-" .. (also or "") .. "]", "_"):gsub("%.%.+", "."):gsub("__+", "_")
  name = name:gsub("^[%._%-]+", ""):sub(1, max_bytes or 64):gsub("[%._%-]+$", "")
  return name ~= "" and name or nil
end

--- A channel's identifier, nil for anything that could be more than one argument or an option.
function text.channel_uuid(value)
  if type(value) == "string" and #value <= 128 and value:find("^[A-Za-z0-9][A-Za-z0-9_%.%-]*$") then
    return value
  end
  return nil
end

--- An absolute path that is one argument: no blanks, quotes or `..`; nil for any other.
-- The colon and the plus sign are allowed, since names of bridged calls hold them.
function text.path(value)
  if type(value) ~= "string" or #value > 1024 or not value:find("^/[A-Za-z0-9_/%.%-:+]+$") then
    return nil
  end
  if value:find("/%.%.?/") or value:find("/%.%.?$") or value:find("//") then
    return nil
  end
  return (value:gsub("/$", ""))
end

--- Every byte but the unreserved ones as `%XX`, so that a text is one argument whatever it holds.
function text.percent_encoded(value)
  return (value:gsub("[^A-Za-z0-9%-%._~]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

--- The reverse, for parameters of a SIP URI.
function text.percent_decoded(value)
  return (value:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

return text
