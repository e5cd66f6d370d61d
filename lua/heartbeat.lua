--- Tell the gateway that this recorder is alive, so that a lost recording can be laid to one that was not.
-- `lua heartbeat.lua start` (a startup script) has FreeSWITCH run it again every 30 s; one run tells once and ends.
-- @script heartbeat
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "heartbeat")
freeswitch_ports.guarded(ports, require("cx.heartbeat").run, argv or {})
