--- One recorded call from the first stream to the manifest, in whatever Lua runs this file.
-- Usage: `lua call_story.lua <folder of the scripts> <empty folder>`
local scripts, folder = arg[1], arg[2]
package.path = scripts .. "/?.lua;" .. scripts .. "/spec/?.lua;" .. package.path

local fake = require("fake_freeswitch")

local UUID = "8505b93e-009e-47e8-be46-1ed665efdb0d"

local function write(path, content)
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read(100000)
  file:close()
  return content
end

local settings = folder .. "/cx_settings.lua"
write(settings, ('return { streams = "%s", audit_folder = "%s" }\n'):format(folder, folder))

local world = fake.world({
  globals = { script_dir = scripts, hostname = "switch-1", cx_settings = settings },
  answer = function() return 200, '{"record":true}', 5 end,
})
-- A test's own folder, whose name holds nothing of a call.
function world.mkdir(path) assert(os.execute("mkdir -p '" .. path .. "'")) end
world.variables[UUID] = {
  uuid = UUID, sip_from_params = "x-nearend;x-refci=38960750;x-nearendaddr=1005", hangup_cause = "NORMAL_CLEARING",
}

fake.run(world, "record", { uuid = UUID })
local path = world.variables[UUID].cx_recording_path
assert(path == folder .. "/20260608/38960750_20260608T100000.005_near.wav", path)
fake.run(world, "recording_pause", { argv = { UUID, "1005", "card" } })
world.clock_ms = world.clock_ms + 2000
fake.run(world, "recording_resume", { argv = { UUID, "1005", "done" } })
world.hung_up[UUID] = true
fake.run(world, "cx_hangup", { uuid = UUID })

local document = assert(require("cx.json").decode(read((path:gsub("%.wav$", ".json")))))
assert(document.filePath == path and document.fileSize == 44 and document.completionCause == "NORMAL_CLEARING")
assert(document.startTime == "2026-06-08T10:00:00.005Z", document.startTime)
assert(document.endTime == "2026-06-08T10:00:02.005Z", document.endTime)
assert(#document.masked == 1 and document.masked[1].to == "2026-06-08T10:00:02.005Z", document.masked[1].to)
assert(document.masked[1].by == "1005" and document.masked[1].reason == "card")
assert(#world.requests == 2 and world.requests[2].url == "http://127.0.0.1:9900/mixer/sip-data")
print("all is well")
