--- RECORD_STOP hook: hand the file over for sealing (see `cx.sealing_queue`). There is an event here, and no
-- session.
-- @script encrypt
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "encrypt")
freeswitch_ports.guarded(ports, require("cx.sealing_queue").run, function(name)
  return event:getHeader(name)
end)
