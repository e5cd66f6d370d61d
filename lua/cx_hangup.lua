--- Hang-up hook: complete the manifest, tell the gateway and the voice connector (see `cx.hangup`).
-- @script cx_hangup
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "cx_hangup", { session = session, environment = env })
freeswitch_ports.guarded(ports, require("cx.hangup").run)
