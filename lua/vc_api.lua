--- A customer's way to an agent: without argument a new call, `rona` after nobody answered, `cancel [why]` (see
-- `cx.agent_request`).
-- @script vc_api
package.path = (freeswitch.getGlobalVariable("script_dir") or ".") .. "/?.lua;" .. package.path
local freeswitch_ports = require("cx.freeswitch")

local ports = freeswitch_ports.ports(freeswitch, "vc_api", { session = session })
freeswitch_ports.guarded(ports, require("cx.agent_request").run, argv or {})
