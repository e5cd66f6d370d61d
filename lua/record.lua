--- Dial plan of the recording profile: record one forked stream (see `cx.recording`).
-- @script record
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "record", { session = session })
freeswitch_ports.guarded(ports, require("cx.recording").run)
