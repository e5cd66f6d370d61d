--- A recorder's sign of life: `POST /recorders/heartbeat`, one try, at most `notify_timeout_s`: the next one follows.
-- @module cx.heartbeat

local http = require("cx.http")
local times = require("cx.times")

local heartbeat = {}

local EVERY_S = 30

--- Schedule the heartbeat where `start` is asked, else send one.
-- @treturn string SCHEDULED, TOLD or FAILED
function heartbeat.run(ports, arguments)
  if arguments[1] == "start" then
    ports.command("sched_api", ("@%d cx_heartbeat lua heartbeat.lua"):format(EVERY_S))
    return "SCHEDULED"
  end
  local site = ports.settings
  local status, why = http.post(ports, site.gateway_url .. "/recorders/heartbeat", {
    recorderId = site.recorder_id or ports.host,
    sentTime = times.iso(ports.now_ms()),
  }, { timeout_s = site.notify_timeout_s, waits_ms = {}, token = site.gateway_token })
  if not status then
    ports.log("WARNING", "the gateway did not take the heartbeat: " .. tostring(why))
    return "FAILED"
  end
  return "TOLD"
end

return heartbeat
