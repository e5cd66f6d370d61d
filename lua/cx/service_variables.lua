--- Settings of a service number as channel variables, for dial plans that branch on them.
-- @module cx.service_variables

local settings = require("cx.settings")
local text = require("cx.text")

local service_variables = {}

--- Set `cx_tenant_id`, `cx_queue`, `cx_queue_type`, `cx_voicemail_enabled`, `cx_record_path` and
-- `cx_is_known_service`.
-- @treturn table the service's settings
function service_variables.run(ports)
  local session = ports.session
  local number = text.field(session.variable("destination_number"))
  local service, is_known = settings.of_service(ports.settings, number)
  session.set("cx_is_known_service", tostring(is_known))
  session.set("cx_tenant_id", text.field(service.tenant_id) or "default")
  session.set("cx_queue", text.field(service.queue) or "")
  session.set("cx_queue_type", text.field(service.queue_type) or "NAME")
  session.set("cx_voicemail_enabled", tostring(service.voicemail_enabled == true))
  session.set("cx_record_path", service.bridges)
  return service
end

return service_variables
