--- Mask what a call records: `lua recording_pause.lua <uuid> <who> <why>`, or by a key in the call (see
-- `cx.masking`).
-- @script recording_pause
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "recording_pause", { session = session })
local is_done, answer = freeswitch_ports.guarded(ports, require("cx.masking").run, "mask", argv or {})
if stream then
  stream:write((is_done and answer or "-ERR the script failed") .. "\n")
end
