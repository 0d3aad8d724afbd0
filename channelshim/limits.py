"""Every limit, path and fixed reply, once, with its source.

``contract`` is the description of the Channel API that the project is built from;
``D`` numbers are in docs/explanation/differences.md.
"""

from __future__ import annotations

from typing import Final

# --- The Channel API (contract 1.1, 1.2, 1.3) -----------------------------------------

MAXIMUM_CLIENT_ID_LENGTH: Final = 256
"""Bytes of a client id as UTF-8."""

MAXIMUM_MESSAGE_LENGTH: Final = 32767
"""Bytes of a message as UTF-8; the original's text says "chars"."""

MAXIMUM_TOKEN_DURATION_MINUTES: Final = 24 * 60

DEFAULT_TOKEN_MINUTES: Final = 120

SHORTEST_SECRET: Final = 32
"""Characters of a signing secret that a setting gives."""

MAXIMUM_TOKEN_LENGTH: Final = 512
"""Characters. Ours are the id and 24 bytes in base64, a dot and 43 of signature: 418
for the longest id. Longer text is refused before any work is done on it."""

# --- Fixed replies (contract 3.5, 3.7) ------------------------------------------------

DESCRIPTION_INVALID_TOKEN: Final = "Invalid+token."
DESCRIPTION_TOKEN_EXPIRED: Final = "Token+timed+out."

# --- Paths (contract 3.1, 4.1, 5.1, 7.5) ----------------------------------------------

PATH_JSAPI: Final = "/_ah/channel/jsapi"
PATH_SOCKET: Final = "/_ah/channel/socket"
PATH_POLL: Final = "/_ah/channel/poll"
PATH_DEV: Final = "/_ah/channel/dev"
PATH_CONNECTED: Final = "/_ah/channel/connected/"
PATH_DISCONNECTED: Final = "/_ah/channel/disconnected/"
PATH_LOGIN: Final = "/_ah/login"
PATH_LOGOUT: Final = "/_ah/logout"
PREFIX_CHANNEL: Final = "/_ah/channel/"

# --- WebSocket close codes ------------------------------------------------------------

CLOSE_NORMAL: Final = 1000
CLOSE_PROTOCOL_ERROR: Final = 1002
CLOSE_POLICY: Final = 1008
CLOSE_TOO_BIG: Final = 1009
CLOSE_COME_BACK: Final = 1012
"""Service restart (RFC 6455 registry): the page reconnects and resumes."""
CLOSE_TOO_MANY: Final = 1013
"""Try again later (RFC 6455 registry): the page retries at its slowest pace."""
CLOSE_TOKEN_REFUSED: Final = 4401
"""Private range; 401 behind the 4 000."""

# --- Presence (contract 5) ------------------------------------------------------------

GRACE_SECONDS: Final = 2.0
"""How long a client id may be gone before it counts as disconnected; the original's
CHANNEL_TIMEOUT_SECONDS."""

RETURN_SECONDS: Final = 5.0
"""How long pages of an earlier process may take to come back to this one: they retry
within 2 s."""

PRESENCE_REMOTE_ADDRESS: Final = "0.1.0.10"
TASK_REMOTE_ADDRESS: Final = "0.1.0.2"
CRON_REMOTE_ADDRESS: Final = "0.1.0.1"
INSTANCE_REMOTE_ADDRESS: Final = "0.1.0.3"
"""The addresses from which App Engine made internal requests; apps check them."""

PATH_WARMUP: Final = "/_ah/warmup"
PATH_START: Final = "/_ah/start"
PATH_STOP: Final = "/_ah/stop"
"""What an instance is asked at its start and at its end."""

MAXIMUM_PAGE_REPORT_BYTES: Final = 4096
"""Body of a page's report about itself: an id and a token need a tenth of it."""

PRESENCE_RUNNERS: Final = 4
"""Threads that make presence POSTs; one id's POSTs never overlap."""

PRESENCE_DEADLINE_SECONDS: Final = 60.0
"""App Engine ended a request after a minute (DeadlineExceededError); here a handler
runs on, but the others wait no longer."""

THREAD_RETRY_SECONDS: Final = 0.5
"""After so long a thread is asked for again that the system would not give."""

MAXIMUM_GIVEN_UP: Final = 64
"""Threads whose handler never returns, and that others have taken the place of."""

PRESENCE_GATHER_SECONDS: Final = 0.005
"""After so long without another change of presence, those before go on together."""

PRESENCE_BURST_SECONDS: Final = 0.25
"""How long changes are gathered at most while more and more come."""

PRESENCE_PATIENCE_SECONDS: Final = 0.01
"""How long an id waits for a runner before another one is woken."""

# --- Heartbeat and replay window (design decision 4) ----------------------------------

PING_INTERVAL_SECONDS: Final = 20.0
"""Below the 30 to 60 s after which proxies cut idle connections (contract trap 43)."""

PING_TIMEOUT_SECONDS: Final = 20.0

WINDOW_MESSAGES: Final = 1024
"""Messages kept per client id."""

WINDOW_BYTES: Final = 1 << 20
"""Bytes of text kept per client id: 32 of the longest messages."""

WINDOW_TOTAL_BYTES: Final = 256 << 20
"""Bytes of text kept over all client ids."""

MAXIMUM_MESSAGE_NUMBER: Final = 1 << 53
"""Numbers stay exact in JavaScript (ECMAScript Number.MAX_SAFE_INTEGER)."""

MAXIMUM_TOKEN_POSITIONS: Final = 64
"""Tokens per client id whose last written number is remembered, newest kept."""

# --- Connections ----------------------------------------------------------------------

MAXIMUM_CONNECTIONS_PER_CLIENT: Final = 256
MAXIMUM_CONNECTIONS: Final = 100_000

PASS_PAUSE_SECONDS: Final = 0.05
"""Longest time for which a pass waits for handlers that run."""

PASS_SWITCH_SECONDS: Final = 0.02
"""sys.setswitchinterval during a pass over many connections."""

SEND_BUFFER_BYTES: Final = 1 << 20
"""Bytes waiting for one slow reader before it is told to come back."""

SEND_BUFFER_TOTAL_BYTES: Final = 256 << 20
"""Bytes waiting for all slow readers together; each gets an equal share of them."""

READER_BEHIND_BYTES: Final = 64 << 10
"""A reader for which more waits is behind; each may always be so much behind."""

KERNEL_SEND_BUFFER_BYTES: Final = 64 << 10
"""What the kernel is asked to hold for a page at most."""

RESETS_AT_ONCE: Final = 16
"""Connections of slow readers that are ended in one go, and the pause to the next."""

RESET_PAUSE_SECONDS: Final = 0.002

MAXIMUM_INCOMING_FRAME_BYTES: Final = 4096
"""Pages send nothing but pongs and closes (125 bytes at most, RFC 6455 5.5)."""

INCOMING_BYTES_PER_SECOND: Final = 8 << 10
"""What a page may send for as long as it likes: it has nothing to say but a pong in
PING_INTERVAL_SECONDS; some old clients send keep-alives."""

INCOMING_BURST_BYTES: Final = 64 << 10
"""What it may send at once beyond that."""

INCOMING_FRAME_BYTES: Final = 64
"""What each frame counts besides its bytes: small ones cost as much as long ones."""

CLOSE_SECONDS: Final = 2.0
"""How long a page may take to answer a close frame before its connection is cut."""

# --- The poll fallback ----------------------------------------------------------------

POLL_MAXIMUM_WAIT_SECONDS: Final = 25.0
"""Below the 30 s after which the strictest common proxies cut."""

POLL_RETRY_MILLISECONDS: Final = 0
"""Pause before the next poll after a held one."""

POLL_BUSY_RETRY_MILLISECONDS: Final = 1000
"""Pause when the server answered at once because no thread may be spent."""

POLL_PRESENCE_MARGIN_SECONDS: Final = 10.0
"""A poller counts as connected for max(grace, retry + this) after its last poll."""

POLL_HIDDEN_SECONDS: Final = 75.0
"""The same for a page that says it is hidden: browsers wake such timers once a
minute."""

HELD_POLLS: Final = 2
"""Threads that polls may hold under a WSGI server that does not say how many it has."""

# --- HTTP -----------------------------------------------------------------------------

MAXIMUM_BODY_BYTES: Final = 32 << 20
"""App Engine's own bound on requests."""

BODY_MEMORY_BYTES: Final = 256 << 10
"""Of a body; what is longer goes to a temporary file."""

BODY_SECONDS: Final = 30.0
"""Longest wait for the next piece of a body."""

HEAD_SECONDS: Final = 30.0
"""How long the request line and headers may take."""

READER_SECONDS: Final = 20.0
"""A reader must take READER_BYTES in this time, or all that is left for it."""

READER_BYTES: Final = 128 << 10
"""52 kbit/s: slower, a streamed answer would hold its worker for long."""

SWEEP_SECONDS: Final = 1.0
"""Between two looks for connections that are too slow."""

KEEP_ALIVE_SECONDS: Final = 60
"""An idle HTTP connection is kept so long: browsers keep theirs about as long."""

MAXIMUM_HEADER_BYTES: Final = 64 << 10
"""Request line and headers together."""

MAXIMUM_FORM_FIELDS: Final = 100_000
"""Of a form that is URL-encoded; some old clients send other things by that name."""

MAXIMUM_PART_HEAD_BYTES: Final = 8 << 10
"""Of one part of a form: what parses it takes the square of its length."""

MAXIMUM_PART_HEADS_BYTES: Final = 256 << 10
"""Of all parts of a form together: the slowest such heads take about a second."""

MAXIMUM_BOUNDARY_LENGTH: Final = 70
"""Characters (RFC 2046, 5.1.1)."""

MAXIMUM_WAITING_REQUESTS: Final = 1000
"""Requests that wait for a worker thread; more are told to try again."""

WORKER_PATIENCE_SECONDS: Final = 0.001
"""How long a request waits for a thread that runs before another one is woken."""

WORKER_LONG_SECONDS: Final = 0.005
"""After which a request that computes is not expected to end soon."""

RESPONSE_PIECES: Final = 8
"""Pieces of a streamed response that may wait for the reader."""

STOP_SECONDS: Final = 10.0
"""How long SIGTERM waits for requests in hand."""

INTERRUPT_SECONDS: Final = 0.5
"""How long Ctrl-C waits for them."""

# --- Login (contract 7.5, 7.6) --------------------------------------------------------

LOGIN_COOKIE: Final = "dev_appserver_login"
AUTH_DOMAIN: Final = "gmail.com"
MAXIMUM_COOKIE_LENGTH: Final = 1024
COOKIES_REMEMBERED: Final = 4096
"""Cookie headers whose user is known without verifying again, newest kept: 4 MiB."""
MAXIMUM_EMAIL_LENGTH: Final = 254
"""Characters (RFC 5321 4.5.3.1.3 and its erratum 1690)."""

# --- The store ------------------------------------------------------------------------

STORE_BUSY_SECONDS: Final = 10.0
"""How long a writer waits for another process; the default deadline of a datastore
call in ndb is longer (60 s), that of a page's visitor is not."""

STORE_CACHED_STATEMENTS: Final = 512
"""Prepared statements kept per connection; query shapes share them."""

STORE_CACHE_KIBIBYTES: Final = 8192
"""Page cache per connection."""

STORE_IDLE_CONNECTIONS: Final = 16
"""Connections kept for the next transactions."""

# --- Files of an app ------------------------------------------------------------------

MAXIMUM_YAML_NODES: Final = 100_000
"""Keys and values of one file, aliases counted each time: the largest app.yaml known
has some thousands."""

MAXIMUM_YAML_DEPTH: Final = 32

MAXIMUM_INCLUDES: Final = 100
"""Files that app.yaml may include, counting includes of includes."""

STORE_MAXIMUM_INDEX_ROWS: Final = 20_000
"""Rows of all indexes together that one entity may have (Cloud Datastore, "Limits")."""

STORE_BUILD_BATCH: Final = 1000
"""Entities read in one commit while an index is built beside running writers."""

TRANSACTION_SECONDS: Final = 270.0
"""How long a datastore transaction may be open (Cloud Datastore, "Limits")."""

MAXIMUM_TRANSACTIONS: Final = 1000
"""Open transactions in one process; the oldest are ended."""

MAXIMUM_OPEN_QUERIES: Final = 1000
"""Queries in one process whose next batch may still be asked for, newest kept."""

QUERY_BATCH_ROWS: Final = 1000
"""Results in one answer, unless the query asks for fewer."""

QUERY_BATCH_BYTES: Final = 2_000_000
"""Bytes of entities after which an answer ends (SDK, _MAXIMUM_QUERY_RESULT_BYTES)."""

QUERY_SORTED_ROWS: Final = 50
"""Candidates that are sorted in memory rather than an index built for them."""

# --- Task queues ----------------------------------------------------------------------

MAXIMUM_TASK_BYTES: Final = 100 << 10
"""Of one push task (taskqueue.MAX_PUSH_TASK_SIZE_BYTES)."""

MAXIMUM_PULL_TASK_BYTES: Final = 1 << 20
"""Of one pull task (taskqueue.MAX_PULL_TASK_SIZE_BYTES)."""

MAXIMUM_TASK_TAG_BYTES: Final = 500
"""Of a pull task's tag (taskqueue.MAX_TAG_LENGTH)."""

MAXIMUM_TASK_ETA_SECONDS: Final = 30 * 86400
"""How far ahead an eta may be (taskqueue_stub.MAX_ETA)."""

TASK_TOMBSTONE_SECONDS: Final = 9 * 86400.0
"""How long the name of a task that has run is refused; the documentation says about
nine days."""

TASK_LEASE_SECONDS: Final = 15 * 60.0
"""App Engine gave a task 10 minutes; a live process frees its tasks itself."""

TASK_RUNNERS: Final = 8
"""Tasks that run at once: one slow task holds up nobody."""

TASK_DEADLINE_SECONDS: Final = 10 * 60.0
"""App Engine ended a task after 10 minutes; here it runs on, but holds up no other."""

MAXIMUM_CRON_RETRIES: Final = 5
"""Of a failed job before its next run (cron.yaml reference, job_retry_limit)."""

# --- Blobs ----------------------------------------------------------------------------

PREFIX_UPLOAD: Final = "/_ah/upload/"

PREFIX_IMAGE: Final = "/_ah/img/"

MAXIMUM_SERVED_IMAGE_SIDE: Final = 1600
"""Pixels (images.IMG_SERVING_SIZES_LIMIT)."""

MAXIMUM_IMAGE_PIXELS: Final = 50_000_000
"""Of an image that is resized; the Images service refused more."""

IMAGE_WAIT_SECONDS: Final = 10.0
"""How long a request waits for others' images to be resized before it is 503."""

SERVED_IMAGES_BYTES: Final = 16 << 20
"""Of resized images that are kept, so that a page of thumbnails costs once."""

UPLOAD_SESSION_SECONDS: Final = 3600.0
"""How long an address of create_upload_url is good; the original's had no end."""

UPLOAD_SESSIONS_FORGOTTEN: Final = 100
"""Ended sessions that go when one is made, so that they do not pile up."""

MAXIMUM_UPLOAD_FIELDS: Final = 1000
"""Parts of one form with files, an upload or the app's own."""

MAXIMUM_UPLOAD_NAME_LENGTH: Final = 500
"""Characters of a file's name or content type (blob_upload._MAX_STRING_NAME_LENGTH)."""

# --- Mail -----------------------------------------------------------------------------

MAILS_KEPT: Final = 100
"""Mails that the development server keeps to be read."""

CACHE_BYTES: Final = 64 << 20
"""Bytes of memcache keys and values in the store; the longest unwritten give way."""

CACHE_EVICTION_ROWS: Final = 64
"""Entries taken out together when the cache is full."""

# --- Doctor ---------------------------------------------------------------------------

DOCTOR_FILES: Final = 10_000
"""Files that `channelshim doctor` reads."""

# --- Logs -----------------------------------------------------------------------------

LOGGED_PATH_LENGTH: Final = 200
"""Characters of a request's path that stand before its lines in the log."""

LOGGED_URI_LENGTH: Final = 2048
"""Characters of a request's path and query in the access log."""
