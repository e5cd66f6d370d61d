--- JSON, as little of it as manifests and answers need, and strict (RFC 8259).
--
-- Written here because FreeSWITCH ships no JSON for Lua and the packages that exist differ by Lua version.
-- @module cx.json

local text = require("cx.text")

local json = {}

local MAX_DEPTH = 32
local MAX_BYTES = 262144

--- JSON's `null`, where a value must be said to be unknown. A field that is nil in Lua is left out.
json.null = setmetatable({}, { __tostring = function() return "null" end })

local ARRAY = {}

--- Mark a table as a list, so that it is written as `[]` even when it is empty.
function json.array(list)
  return setmetatable(list or {}, ARRAY)
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function encoded_string(value)
  return '"' .. text.utf8(value):gsub('[%c"\\]', function(character)
    return ESCAPES[character] or ("\\u%04x"):format(character:byte())
  end) .. '"'
end

local function encoded_number(value)
  if value ~= value or value == math.huge or value == -math.huge then
    error("a number that JSON does not have: " .. tostring(value), 0)
  end
  if value % 1 == 0 and value > -2 ^ 53 and value < 2 ^ 53 then
    return ("%.0f"):format(value)
  end
  return (("%.17g"):format(value):gsub(",", ".")) -- a locale may write a comma
end

local encoded

local function encoded_array(value, depth)
  local parts = {}
  for index = 1, #value do
    parts[index] = encoded(value[index], depth)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function encoded_object(value, depth)
  local names = {}
  for name in pairs(value) do
    if type(name) ~= "string" then
      error("a field's name is not a text: " .. tostring(name), 0)
    end
    names[#names + 1] = name
  end
  table.sort(names) -- the same document each time
  for index, name in ipairs(names) do
    names[index] = encoded_string(name) .. ":" .. encoded(value[name], depth)
  end
  return "{" .. table.concat(names, ",") .. "}"
end

function encoded(value, depth)
  local kind = type(value)
  if kind == "string" then
    return encoded_string(value)
  elseif kind == "number" then
    return encoded_number(value)
  elseif kind == "boolean" or value == json.null then
    return tostring(value)
  elseif kind ~= "table" then
    error("JSON has no " .. kind, 0)
  elseif depth >= MAX_DEPTH then
    error("nested too deeply", 0)
  end
  local is_array = getmetatable(value) == ARRAY or #value > 0
  return (is_array and encoded_array or encoded_object)(value, depth + 1)
end

--- A value as JSON: one line, fields in alphabetical order.
-- @param value text, number, boolean, `json.null`, or a table of them
-- @treturn ?string nil and the reason where there is no JSON for it
function json.encode(value)
  local is_done, result = pcall(encoded, value, 0)
  if is_done then
    return result
  end
  return nil, result
end

local function fail(at, why)
  error(("at byte %d: %s"):format(at, why), 0)
end

local function after_blanks(source, at)
  return source:find("[^ \t\r\n]", at) or #source + 1
end

local UNESCAPED = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8_of(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  end
  return string.char(0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64,
    0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

--- The character of `\uXXXX` at a position, with its second half where it is one of a pair.
local function decoded_unicode(source, at)
  local digits = source:match("^\\u(%x%x%x%x)", at) or fail(at, "a bad \\u escape")
  local code = tonumber(digits, 16)
  if code >= 0xDC00 and code <= 0xDFFF then
    fail(at, "half a surrogate pair")
  elseif code < 0xD800 or code > 0xDFFF then
    return utf8_of(code), at + 6
  end
  local low = tonumber(source:match("^\\u(%x%x%x%x)", at + 6) or "0", 16)
  if low < 0xDC00 or low > 0xDFFF then
    fail(at, "half a surrogate pair")
  end
  return utf8_of(0x10000 + (code - 0xD800) * 1024 + (low - 0xDC00)), at + 12
end

local function decoded_string(source, at)
  local parts = {}
  at = at + 1
  while true do
    local stop = source:find('[%c"\\]', at) or fail(at, "a text without an end")
    parts[#parts + 1] = source:sub(at, stop - 1)
    local character = source:sub(stop, stop)
    if character == '"' then
      return table.concat(parts), stop + 1
    elseif character == "\127" then -- a control character to Lua, a plain one to JSON
      parts[#parts + 1], at = character, stop + 1
    elseif character ~= "\\" then
      fail(stop, "a control character in a text")
    elseif source:sub(stop + 1, stop + 1) == "u" then
      parts[#parts + 1], at = decoded_unicode(source, stop)
    else
      parts[#parts + 1] = UNESCAPED[source:sub(stop + 1, stop + 1)] or fail(stop, "an escape that JSON does not have")
      at = stop + 2
    end
  end
end

local function decoded_number(source, at)
  local digits = source:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", at) or fail(at, "no JSON value")
  local whole, rest = digits:match("^%-?(%d+)(.*)$")
  local fraction, exponent = rest:match("^(%.?%d*)(.*)$")
  if (#whole > 1 and whole:sub(1, 1) == "0") or fraction == "." or
    (exponent ~= "" and not exponent:find("^[eE][+-]?%d+$")) then
    fail(at, "a number that JSON does not have")
  end
  local number = tonumber(digits)
  if not number or number == math.huge or number == -math.huge then
    fail(at, "a number out of range")
  end
  return number, at + #digits
end

local decoded

local function decoded_array(source, at, depth)
  local list = json.array()
  at = after_blanks(source, at + 1)
  if source:sub(at, at) == "]" then
    return list, at + 1
  end
  while true do
    list[#list + 1], at = decoded(source, at, depth)
    at = after_blanks(source, at)
    local mark = source:sub(at, at)
    if mark == "]" then
      return list, at + 1
    elseif mark ~= "," then
      fail(at, "a list without an end")
    end
    at = after_blanks(source, at + 1)
  end
end

local function decoded_object(source, at, depth)
  local object = {}
  at = after_blanks(source, at + 1)
  if source:sub(at, at) == "}" then
    return object, at + 1
  end
  while true do
    if source:sub(at, at) ~= '"' then
      fail(at, "a field without a name")
    end
    local name
    name, at = decoded_string(source, at)
    at = after_blanks(source, at)
    if source:sub(at, at) ~= ":" or object[name] ~= nil then
      fail(at, "a field without a value, or twice")
    end
    object[name], at = decoded(source, after_blanks(source, at + 1), depth)
    at = after_blanks(source, at)
    local mark = source:sub(at, at)
    if mark == "}" then
      return object, at + 1
    elseif mark ~= "," then
      fail(at, "an object without an end")
    end
    at = after_blanks(source, at + 1)
  end
end

local WORDS = { t = { "true", true }, f = { "false", false }, n = { "null", json.null } }

function decoded(source, at, depth)
  local character = source:sub(at, at)
  local word = WORDS[character]
  if character == '"' then
    return decoded_string(source, at)
  elseif word and source:sub(at, at + #word[1] - 1) == word[1] then
    return word[2], at + #word[1]
  elseif character ~= "{" and character ~= "[" then
    return decoded_number(source, at)
  elseif depth >= MAX_DEPTH then
    fail(at, "nested too deeply")
  end
  return (character == "{" and decoded_object or decoded_array)(source, at, depth + 1)
end

--- The value of a JSON document; `null` is `json.null`.
-- @tparam string source the whole document, at most 256 KiB
-- @return the value, or nil and the reason where it is not JSON from the first byte to the last
function json.decode(source)
  if type(source) ~= "string" or #source > MAX_BYTES then
    return nil, "no text, or too long a one"
  end
  local is_done, value, at = pcall(function()
    local value, at = decoded(source, after_blanks(source, 1), 0)
    return value, after_blanks(source, at)
  end)
  if not is_done then
    return nil, value
  elseif at <= #source then
    return nil, ("at byte %d: something follows the value"):format(at)
  end
  return value
end

return json
