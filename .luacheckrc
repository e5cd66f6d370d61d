-- FreeSWITCH's mod_lua builds with Lua 5.1, 5.2 or 5.3: what is written here runs on all of them.
std = "min"
max_line_length = 120
-- What mod_lua sets for a script; only the entry scripts may look at them.
files["lua/*.lua"].read_globals = { "freeswitch", "session", "argv", "event", "env", "stream" }
files["lua/*.lua"].globals = { package = { fields = { "path" } } }
-- Lua 5.1 only, and asked for before it is used.
files["lua/cx/settings.lua"].read_globals = { "setfenv", "loadstring" }
