--- Leave the settings of the dialled service number in the channel's variables, for the dial plan (see
-- `cx.service_variables`).
-- @script cx_env
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "cx_env", { session = session })
freeswitch_ports.guarded(ports, require("cx.service_variables").run)
