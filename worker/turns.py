"""How many fits of one owner may run at once: those beyond wait beside the queue, so that others get their turn.

    turns.take(request)     # False: it is held until one of the owner's fits has ended
    turns.give_back()       # our fit is over: what was held, and has room now, goes into the queue

Each worker runs one fit, so the fits that run are one entry per worker. Entries of workers that do not live count no
more. All of this is in Redis and may vanish: the reconciler then finds what was held, as it finds whatever was lost.
"""

from collections import Counter, defaultdict
from itertools import chain

from rq import Queue

from tacit.errors import NotFoundError
from tacit.fits import FitRequest, FitStore, Priority, keys, workers
from worker.transport import requeue, text

_RANKS = {Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}

# KEYS: who runs what, what is held. ARGV: worker, owner, most at once, fit, how it is held, prefix of announcements.
_TAKE = """
local running = 0
local all = redis.call('HGETALL', KEYS[1])
for place = 1, #all, 2 do
  if redis.call('EXISTS', ARGV[6] .. all[place]) == 0 then
    redis.call('HDEL', KEYS[1], all[place])
  elseif all[place] ~= ARGV[1] and all[place + 1] == ARGV[2] then
    running = running + 1
  end
end
if running >= tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[4])
return 1
"""


class Turns:
    """Bounds the fits of an owner, or of all who have none, that run at once.

    Args:
        queue: Where fits wait; only fits of its device are held here, but those of all devices count.
        store: Where fits are kept.
        most: Fits that may run at once.
    """

    def __init__(self, queue: Queue, store: FitStore, *, device: str, most: int) -> None:
        self._queue = queue
        self._connection = queue.connection
        self._store = store
        self._held = keys.held(device)
        self._most = most

    def take(self, request: FitRequest, *, worker: str) -> bool:
        """Count a fit as one that runs on a worker; False when it has to wait, and is held."""
        owner = request.owner or ""
        arguments = (worker, owner, self._most, request.id, f"{_RANKS[request.priority]}{owner}", keys.worker(""))
        return bool(self._connection.eval(_TAKE, 2, keys.RUNNING, self._held, *arguments))

    def give_back(self, *, worker: str) -> None:
        """The fit on a worker is over: let others have their turn."""
        if self._connection.hdel(keys.RUNNING, worker):
            self.put_back()

    def held(self) -> set[str]:
        """Ids of the fits that are held."""
        return set(self._entries(self._held))

    def put_back(self) -> None:
        """Queue what is held and has room, by priority and age; more than have room are held again."""
        living = {info.name for info in workers.live(self._connection)}
        running = Counter(owner for name, owner in self._entries(keys.RUNNING).items() if name in living)
        held = defaultdict(list)
        for fit_id, how in self._entries(self._held).items():
            rank, owner = how[0], how[1:]
            held[owner].append((rank, fit_id))
        due = (sorted(fits)[: max(0, self._most - running[owner])] for owner, fits in held.items())
        for _, fit_id in chain.from_iterable(due):
            # Exactly one of those who look at the same time puts it back.
            if self._connection.hdel(self._held, fit_id):
                self._requeue(fit_id)

    def _entries(self, key: str) -> dict[str, str]:
        return {text(name): text(value) for name, value in self._connection.hgetall(key).items()}

    def _requeue(self, fit_id: str) -> None:
        try:
            fit = self._store.fit(fit_id)
        except NotFoundError:
            return
        if fit.outcome is None:
            requeue(self._queue, fit.request)
