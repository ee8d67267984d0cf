-- Repeats the requests of a file and prints the result in one line. Arguments: the file, and a connection's average
-- pause in ms. Lines of the file: method, path, bearer token, JSON body, separated by tabs; the last two may be empty.

local requests, position = {}, 0
-- By token: rate limits and holds are counted by network address.
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
   -- wrk pauses if this function exists. The numbers are not seeded, so all rounds pause alike.
   if pause > 0 then delay = function() return math.random(0, 2 * pause) end end
end

function request()
   local current = requests[math.max(position, 1)]
   -- wrk never sends the first request.
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
