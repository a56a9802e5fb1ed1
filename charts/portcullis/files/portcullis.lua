-- Asks Portcullis about each request of nginx: ingress-nginx's stock image, OpenResty, any nginx with lua-nginx-module 0.10.20 or
-- newer and lua-resty-core. docs/attach/ingress-nginx.md says how it is set up, and what it sees.
--
--     server_rewrite_by_lua_file /etc/nginx/portcullis/portcullis.lua;
--
-- That phase is before any location is chosen, and no location can have a handler of its own for it: an `access_by_lua_file`
-- at the same place would be replaced, and the request pass unseen, wherever ingress-nginx has one (`auth-keepalive`).
--
-- Nothing here blocks a worker but reading a body that nginx has spooled to a file.

-- Settings are variables, so that `map` can set them by host.
local function setting(name, usual)
  local value = ngx.var["portcullis_" .. name]
  if value == nil or value == "" then
    return usual
  end
  return value
end

local HEADERS = { "id", "verdict", "score", "model", "status", "action" }
-- What a refused client gets of the answer.
local PASSED_ON = { "content-type", "location", "retry-after", "cache-control", "x-content-type-options",
  "ratelimit", "ratelimit-policy" }
local REASONS = { "down", "late", "error" }
-- Failures within ten seconds after which only one request a second still asks.
local FAILURES_MAX = 10
local PIECE = 65536

-- The head as the client sent it. Over HTTP/2 and HTTP/3 there is no such text, and it is written from what nginx read.
local function head()
  if ngx.req.http_version() < 2 then
    local ok, raw = pcall(ngx.req.raw_header)
    if ok and raw then
      return raw
    end
  end
  local lines = { ngx.req.get_method(), " ", ngx.var.request_uri, " HTTP/2.0\r\n" }
  for name, value in pairs(ngx.req.get_headers(0, true)) do
    local values = type(value) == "table" and value or { value }
    for _, each in ipairs(values) do
      -- A header without a value is `true`.
      lines[#lines + 1] = name .. ": " .. (each == true and "" or each) .. "\r\n"
    end
  end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines)
end

-- The body: as text, or as a file with its length. Third, why it is not there.
local function body()
  local length = ngx.var.http_content_length
  local method = ngx.req.get_method()
  if ngx.req.http_version() >= 2 and not length then
    -- The module reads no such body. It must not reach the application unseen, so it goes nowhere, or is asked for with
    -- its length; gRPC never has one, and the policy says what becomes of that (`on_unseen_body`).
    if (ngx.var.http_content_type or ""):lower():find("application/grpc", 1, true) == 1 then
      return "", nil, "unseen"
    end
    if method == "GET" or method == "HEAD" or method == "OPTIONS" then
      ngx.req.discard_body()
      return ""
    end
    return ngx.exit(411)
  end
  local ok, why = pcall(ngx.req.read_body)
  if not ok then
    return nil, nil, why
  end
  local text = ngx.req.get_body_data()
  if text then
    return text
  end
  local name = ngx.req.get_body_file()
  if not name then
    return ""
  end
  local file = io.open(name, "rb")
  if not file then
    return nil, nil, "the spooled body does not open"
  end
  return file, file:seek("end")
end

-- Connects; whether the connection was used before.
local function connect(agent, timeout)
  local socket = ngx.socket.tcp()
  socket:settimeouts(timeout, timeout, timeout)
  local host, port = agent:match("^([^/]+):(%d+)$")
  local ok, why
  if host then
    ok, why = socket:connect(host, tonumber(port))
  else
    ok, why = socket:connect(agent)
  end
  if not ok then
    return nil, why
  end
  return socket, socket:getreusedtimes() > 0
end

local function send(socket, request, content, length)
  local ok, why = socket:send(request)
  if not ok then
    return nil, why
  end
  if not length then
    return socket:send(content)
  end
  content:seek("set")
  local left = length
  while left > 0 do
    local piece = content:read(math.min(PIECE, left))
    if not piece then
      return nil, "the spooled body is shorter than it was"
    end
    ok, why = socket:send(piece)
    if not ok then
      return nil, why
    end
    left = left - #piece
  end
  return true
end

local function receive(socket)
  local line, why = socket:receive("*l")
  if not line then
    return nil, why
  end
  local status = tonumber(line:match("^HTTP/1%.1 (%d%d%d)"))
  local headers = {}
  while true do
    line, why = socket:receive("*l")
    if not line then
      return nil, why
    end
    if line == "" then
      break
    end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if name then
      headers[name:lower()] = value
    end
  end
  local answer = { status = status, headers = headers, body = "" }
  local length = tonumber(headers["content-length"] or 0)
  if length and length > 0 then
    answer.body, why = socket:receive(length)
    if not answer.body then
      return nil, why
    end
  end
  return answer
end

-- Requests that were let through, or refused, unasked: each is said once, to the first answer that can be had.
local function missed(counts)
  if not counts or not counts:add("telling", true, 1) then
    return nil
  end
  local told, text = {}, {}
  for _, reason in ipairs(REASONS) do
    local count = counts:get(reason)
    if count and count > 0 then
      counts:incr(reason, -count)
      told[reason] = count
      text[#text + 1] = reason .. "=" .. count
    end
  end
  return told, table.concat(text, ", ")
end

local function untold(counts, told)
  for reason, count in pairs(told or {}) do
    counts:incr(reason, count, 0)
  end
end

-- Asks once; what went wrong, and whether a fresh connection may do better.
local function ask_once(agent, timeout, request, content, length)
  local socket, reused = connect(agent, timeout)
  if not socket then
    return nil, reused
  end
  local ok, why = send(socket, request, content, length)
  local answer
  -- Who refuses early has answered already.
  answer, why = receive(socket)
  if not answer then
    socket:close()
    return nil, why, reused
  end
  if ok and not (answer.headers.connection or ""):lower():find("close", 1, true) then
    socket:setkeepalive(30000, 64)
  else
    socket:close()
  end
  if not answer.headers["x-portcullis-verdict"] then
    return nil, "no verdict, but " .. tostring(answer.status) .. " " .. answer.body:sub(1, 80)
  end
  return answer
end

local function ask(counts)
  local agent = setting("agent", "unix:/run/portcullis/inspect.sock")
  local timeout = tonumber(setting("timeout_ms", "500"))
  local content, length, without = body()
  if not content then
    return nil, without
  end
  local raw = head()
  local told, text = missed(counts)
  local lines = { "POST / HTTP/1.1\r\nHost: portcullis\r\nContent-Type: message/http\r\nX-Portcullis-Client: ",
    ngx.var.remote_addr:match("^unix:") and "0.0.0.0" or ngx.var.remote_addr,
    "\r\nContent-Length: ", #raw + (length or #content), "\r\nX-Portcullis-Body: ", without or "whole", "\r\n" }
  local token = setting("token", nil)
  if token then
    lines[#lines + 1] = "X-Portcullis-Token: " .. token .. "\r\n"
  end
  if text and text ~= "" then
    lines[#lines + 1] = "X-Portcullis-Missed: " .. text .. "\r\n"
  end
  lines[#lines + 1] = "\r\n"
  lines[#lines + 1] = raw
  local request = table.concat(lines)
  local answer, why, reused = ask_once(agent, timeout, request, content, length)
  if not answer and reused == true and why ~= "timeout" then
    -- The agent has closed it meanwhile, or was started anew.
    answer, why = ask_once(agent, timeout, request, content, length)
  end
  if length then
    content:close()
  end
  if not answer then
    untold(counts, told)
  end
  return answer, why
end

-- How many there are to be said, if any: with a dictionary once a second for each reason, as whoever asks enough would fill a disk.
local function to_say(counts, reason)
  if not counts then
    return 1
  end
  local requests = counts:incr("unsaid-" .. reason, 1, 0) or 1
  if not counts:add("saying-" .. reason, true, 1) then
    return nil
  end
  counts:incr("unsaid-" .. reason, -requests)
  return requests
end

-- What was not asked passes or does not, and is counted and said either way.
local function failed(counts, why)
  local reason = why == "timeout" and "late" or (tostring(why):find("no verdict", 1, true) and "error" or "down")
  local mode = setting("fail", "closed")
  if counts then
    counts:incr(reason, 1, 0)
    -- Since nginx was started; nobody takes anything away from it.
    counts:incr("missed-" .. reason, 1, 0)
    counts:incr("failures", 1, 0, 10)
  end
  local requests = to_say(counts, reason)
  if requests then
    ngx.log(ngx.ERR, "portcullis: not inspected (", reason, "), fail ", mode, ", requests ", requests, ": ", why)
  end
  if mode ~= "open" then
    return ngx.exit(503)
  end
end

-- While nobody answers, only one request a second waits for an answer.
local function is_open(counts)
  if not counts or (counts:get("failures") or 0) < FAILURES_MAX then
    return false
  end
  return not counts:add("probe", true, 1)
end

local function refuse(answer)
  if answer.headers["x-portcullis-action"] == "close" then
    return ngx.exit(444)
  end
  ngx.status = answer.status
  for _, name in ipairs(PASSED_ON) do
    ngx.header[name] = answer.headers[name]
  end
  ngx.header["Content-Length"] = #answer.body
  if ngx.req.get_method() ~= "HEAD" then
    ngx.print(answer.body)
  end
  return ngx.exit(ngx.HTTP_OK)
end

-- A request is asked about once, whatever nginx makes of it: subrequests and internal redirects come by here too.
if ngx.is_subrequest or ngx.req.is_internal() or setting("skip", "0") ~= "0" then
  return
end

local counts = ngx.shared.portcullis
if is_open(counts) then
  return failed(counts, "nobody has answered for a while")
end
local answer, why = ask(counts)
if not answer then
  return failed(counts, why)
end
if counts then
  counts:delete("failures")
end
if answer.headers["x-portcullis-verdict"] == "prevent" then
  return refuse(answer)
end
-- What clients say under these names must not be taken for ours.
for _, name in ipairs(HEADERS) do
  ngx.req.clear_header("X-Portcullis-" .. name)
end
ngx.req.set_header("X-Portcullis-Id", answer.headers["x-portcullis-id"])
