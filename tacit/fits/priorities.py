"""Who goes first in the queue of a device class.

There is one list per class, since a worker that listens to several loses jobs when it crashes. So the list itself is
kept in order: by priority, then by fit id, that is by the time of acceptance. A fit that is put back after its worker
died is older than the others of its priority, and so goes first among them.
"""

import redis

from tacit.fits import keys
from tacit.fits.records import FitRequest

# KEYS: the list. ARGV: the fit, the prefix of job keys. A fit that is not in the list any more is being worked on.
_PLACE = """
local function rank(id)
  local priority = redis.call('HGET', ARGV[2] .. id, 'description')
  return priority == 'high' and 1 or priority == 'low' and 3 or 2
end
local id = ARGV[1]
if redis.call('LREM', KEYS[1], 0, id) == 0 then return 0 end
local own = rank(id)
local waiting = redis.call('LRANGE', KEYS[1], 0, -1)
for place = #waiting, 1, -1 do
  local other = rank(waiting[place])
  if other < own or (other == own and waiting[place] < id) then
    redis.call('LINSERT', KEYS[1], 'AFTER', waiting[place], id)
    return 1
  end
end
redis.call('LPUSH', KEYS[1], id)
return 1
"""


def place(connection: redis.Redis, request: FitRequest) -> None:
    """Put a fit that waits in the queue to its place there."""
    connection.eval(_PLACE, 1, keys.queue_list(request.device), request.id, keys.job(""))
