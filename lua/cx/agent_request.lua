--- A customer's way to an agent: the first request, the next one after nobody answered, the end of waiting (guide
-- 5, 7, 12, 18.15.2).
-- @module cx.agent_request

local text = require("cx.text")
local voice_connector = require("cx.voice_connector")

local agent_request = {}

local function mark_platform_call(session)
  session.set("cx_platform_call", "true")
  session.set("session_in_hangup_hook", "true")
  session.set("api_hangup_hook", "lua cx_hangup.lua")
end

--- Play the error prompt and hang up.
local function give_up(ports, call)
  if ports.session.is_ready() then
    ports.session.execute("playback", call.service.prompts .. "/error_try_later.wav")
    ports.session.hangup("SERVICE_UNAVAILABLE")
  end
  return "GIVEN_UP"
end

--- Ask for an agent, then let the customer wait with music, which ends when the connector transfers the call.
local function ask_and_wait(ports, call)
  mark_platform_call(ports.session)
  if not voice_connector.request_agent(ports, call) then
    return give_up(ports, call)
  elseif ports.session.is_ready() then
    ports.session.execute("playback", call.service.hold_music)
  end
  return "WAITING"
end

--- A call that comes in: answer, say where it goes, ask for an agent.
function agent_request.inbound(ports)
  local session = ports.session
  -- The number that was dialled, not one that the caller's own headers name; transfers change it later.
  session.set("cx_service_number", text.field(session.variable("destination_number")) or "")
  local call = voice_connector.call_of(ports)
  session.answer()
  session.set("sip_h_X-queue", text.field(call.service.queue) or "")
  session.set("sip_h_X-queueType", text.field(call.service.queue_type) or "NAME")
  session.set("sip_h_X-Destination-Number", call.number or "")
  return ask_and_wait(ports, call)
end

--- Why nobody was reached, in the platform's words.
local function error_code(session)
  local cause = text.name(session.first("originate_failed_cause", "originate_disposition")) or "UNKNOWN"
  return cause == "NO_ANSWER" and "RONA" or cause
end

local function to_voicemail(ports, call)
  local number = text.name(call.service.voicemail_number, 32, "*#+")
  if call.service.voicemail_enabled ~= true or not number then
    return false
  end
  local context = text.name(ports.session.variable("context")) or "default"
  ports.session.execute("transfer", ("%s XML %s"):format(number, context))
  return true
end

--- The agent did not answer: cancel the request, then voicemail, the error prompt, or the queue again.
-- The request is cancelled in every branch: otherwise the agent stays reserved for a call that will not come.
function agent_request.not_answered(ports)
  local session = ports.session
  local call = voice_connector.call_of(ports)
  voice_connector.cancel_agent(ports, call, error_code(session))
  if not session.is_ready() then
    return "GONE"
  elseif to_voicemail(ports, call) then
    return "VOICEMAIL"
  end
  local transfer_type = session.variable("transferType") or call.service.transfer_type
  if transfer_type == "NAMED" and session.variable("sip_h_X-CallType") ~= "CONSULT" then
    return give_up(ports, call) -- this one agent was asked for: there is no queue to go back to
  end
  ports.log("INFO", "the call is queued again")
  ports.sleep_ms(ports.settings.requeue_wait_ms)
  if not session.is_ready() then
    return "GONE"
  end
  return ask_and_wait(ports, call)
end

--- The customer no longer waits.
function agent_request.cancelled(ports, reason)
  voice_connector.cancel_agent(ports, voice_connector.call_of(ports), text.name(reason) or "CANCELLED")
  return "CANCELLED"
end

local BRANCHES = { rona = agent_request.not_answered, cancel = agent_request.cancelled }

--- Run the branch that a script's first argument names; without one, a call that comes in.
-- @treturn string what came of it
function agent_request.run(ports, arguments)
  local name = arguments[1]
  if name ~= nil and not BRANCHES[name] then
    ports.log("ERR", "there is no branch " .. (text.field(name) or "of that name"))
    return "REFUSED"
  end
  return (BRANCHES[name] or agent_request.inbound)(ports, arguments[2])
end

return agent_request
