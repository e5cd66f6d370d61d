--- HTTP by FreeSWITCH's own `curl` command (mod_curl).
--
-- The command's arguments are split at blanks, and the first ten count. So the body goes as one percent-encoded
-- argument, which the command decodes, and everything else comes from the settings: no call data can become an
-- option. `json` makes the command answer with the status as well as the body. Its time-out is in whole seconds;
-- where less is asked, the command runs in the background and the script stops waiting for it.
-- @module cx.http

local json = require("cx.json")
local text = require("cx.text")

local http = {}

local function quoted_token(token)
  if not token or not token:find("^[A-Za-z0-9%-%._~+/=]+$") then
    return ""
  end
  return " append_headers 'Authorization: Bearer " .. token .. "'"
end

--- Arguments of the `curl` command for a POST of JSON.
-- @tparam string url from the settings
-- @tparam string body a JSON document
-- @tparam number timeout_s whole seconds for everything
-- @tparam[opt] string token bearer token
function http.arguments(url, body, timeout_s, token)
  return ("%s json content-type application/json timeout %d%s post %s"):format(
    url, math.max(1, math.ceil(timeout_s)), quoted_token(token), text.percent_encoded(body))
end

--- Status and body of what the `curl` command answered.
-- @treturn ?number status, nil with the reason where there was no answer
-- @treturn string body
function http.answer_of(output)
  local answer = json.decode(output or "")
  local status = type(answer) == "table" and tonumber(answer.status_code)
  if not status or status < 100 then
    return nil, "no answer"
  end
  return status, type(answer.body) == "string" and answer.body or ""
end

--- Wait for the end of a background job, for a limited time.
local function job_output(ports, consumer, job, deadline_ms)
  while true do
    local left_ms = math.floor(deadline_ms - ports.now_ms())
    local event = left_ms > 0 and consumer:pop(1, left_ms)
    if not event then
      return nil, "no answer in time"
    elseif event:getHeader("Job-UUID") == job then
      return event:getBody()
    end
  end
end

--- POST and wait for at most so many milliseconds.
-- @treturn ?number status, nil with the reason
-- @treturn string body
function http.post_within(ports, url, body, timeout_ms, token)
  local deadline_ms = ports.now_ms() + timeout_ms
  local arguments = http.arguments(url, body, timeout_ms / 1000, token)
  local consumer = ports.job_events()
  if not consumer then
    return http.answer_of(ports.command("curl", arguments))
  end
  local job = (ports.command("bgapi", "curl " .. arguments) or ""):match("Job%-UUID: (%S+)")
  local output, why
  if job then
    output, why = job_output(ports, consumer, job, deadline_ms)
  end
  pcall(function() consumer:cleanup() end)
  if not output then
    return nil, why or "the command was refused"
  end
  return http.answer_of(output)
end

local function is_final(status)
  return status ~= nil and status >= 400 and status < 500 and status ~= 408 and status ~= 425 and status ~= 429
end

--- POST, again where it may help: no answer, 5xx, 408, 425 and 429. Any other 4xx is final.
-- It lasts at most `#waits_ms + 1` time-outs and the waits.
-- @tparam table ports
-- @tparam string url
-- @tparam table document what is sent as JSON
-- @tparam table options `timeout_s`, `waits_ms` (a list: pauses between tries), `token`
-- @treturn ?number status of success, nil with the last reason
function http.post(ports, url, document, options)
  local body, problem = json.encode(document)
  if not body then
    return nil, problem
  end
  local arguments = http.arguments(url, body, options.timeout_s, options.token)
  local why
  for try = 1, #options.waits_ms + 1 do
    local status, detail = http.answer_of(ports.command("curl", arguments))
    if status and status >= 200 and status < 300 then
      return status
    end
    why = status and "status " .. status or detail
    if is_final(status) then
      break
    end
    ports.log("WARNING", ("%s: %s at try %d"):format(url, why, try))
    if options.waits_ms[try] then
      ports.sleep_ms(options.waits_ms[try])
    end
  end
  return nil, why
end

return http
