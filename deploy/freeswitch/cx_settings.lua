-- Settings of the scripts in lua/ for one site. FreeSWITCH's global variable `cx_settings` names this file.
-- It is a table and nothing else: no function can be called in it. What is left out has the default named beside it.
return {
  -- Folders: absolute, of letters, digits, `.`, `_` and `-`; FreeSWITCH's user must be allowed to write there.
  streams = "/var/vrs/recordings/cucmRecording/streams", -- forked streams and their manifests
  bridges = "/app/files/wav", -- recordings of bridged calls
  queue_folder = "/var/vrs/recordings/cucmRecording/queue", -- entries of encrypt.lua
  audit_folder = "/var/vrs/recordings/cucmRecording/audit", -- who masked what, one file a day
  prompts = "/app/prompts", -- holds error_try_later.wav

  -- The gateway of this project.
  gateway_url = "http://127.0.0.1:9900",
  gateway_token_file = "/etc/freeswitch/cx_gateway_token", -- readable by FreeSWITCH's user only; without it: no token
  rules_timeout_ms = 500, -- how long a call waits for the rules' answer; then it is recorded
  notify_timeout_s = 2, -- for each of the three tries after the hang-up

  -- The voice connector of the platform; without it no agent can be asked for.
  voice_connector_url = "http://127.0.0.1:8080",
  voice_connector_timeout_s = 3, -- for each of three tries
  requeue_wait_ms = 3000, -- after nobody answered
  esl_host = "127.0.0.1", -- where the connector reaches this switch
  hold_music = "local_stream://moh",

  -- recorder_id = "recorder-1", -- default: FreeSWITCH's host name
  recording_type = "BIB", -- BIB, or SIPREC for a recorder behind a border element
  tenant_id = "default",
  -- Tenant of a forked call, by the cluster that forked it (x-nearendclusterid).
  tenants_by_cluster = {
    StandAloneCluster = "default",
  },

  -- By service number as it is dialled; what an entry lacks is taken from above.
  service_numbers = {
    ["8001"] = {
      tenant_id = "default",
      queue = "Sales",
      queue_type = "NAME",
      priority = "",
      voicemail_enabled = false,
      voicemail_number = "*98",
      -- transfer_type = "NAMED", -- calls for one agent: nobody else may answer
    },
  },
}
