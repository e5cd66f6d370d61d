--- Dial plan of recorded bridges: choose the file's name (see `cx.bridge_name`).
-- @script set_recording_name
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "set_recording_name", { session = session })
freeswitch_ports.guarded(ports, require("cx.bridge_name").run)
