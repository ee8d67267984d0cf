-- Sends the requests that a file lists, one after the other, again and again; then says what came of it in one line.
-- Each line of the file: method, path, bearer token, JSON body, separated by tabs; the last two may be empty.
-- The second argument is how many milliseconds a connection pauses on average before it asks again.

local requests, position = {}, 0
-- Network addresses of the buyers by token: rate limits and holds are counted by them.
local addresses, buyers = {}, 0

function init(arguments)
   for line in io.lines(arguments[1]) do
      local method, path, token, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
      local headers = { ["Accept"] = "application/json" }
      if token ~= "" then
         headers["Authorization"] = "Bearer " .. token
         if not addresses[token] then
            buyers = buyers + 1
            addresses[token] = "10.0." .. math.floor(buyers / 250) .. "." .. buyers % 250
         end
         headers["X-Forwarded-For"] = addresses[token]
      end
      if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
      requests[#requests + 1] = wrk.format(method, path, headers, body)
   end
   local pause = tonumber(arguments[2])
   -- wrk asks for pauses where there is a function of this name. Nobody seeds the numbers: rounds pause alike.
   if pause > 0 then delay = function() return math.random(0, 2 * pause) end end
end

function request()
   local current = requests[math.max(position, 1)]
   -- The first one that wrk asks for is never sent.
   position = position % #requests + 1
   return current
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      "RESULT %d %d %d %.3f %.3f\n",
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000
   ))
end
