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

# --- Fixed replies (contract 3.5, 3.7) ------------------------------------------------

DESCRIPTION_INVALID_TOKEN: Final = "Invalid+token."
DESCRIPTION_TOKEN_EXPIRED: Final = "Token+timed+out."

# --- Paths (contract 3.1, 4.1, 5.1, 7.5) ----------------------------------------------

PATH_JSAPI: Final = "/_ah/channel/jsapi"
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

PRESENCE_REMOTE_ADDRESS: Final = "0.1.0.10"
TASK_REMOTE_ADDRESS: Final = "0.1.0.2"
CRON_REMOTE_ADDRESS: Final = "0.1.0.1"
INSTANCE_REMOTE_ADDRESS: Final = "0.1.0.3"
"""The addresses from which App Engine made internal requests; apps check them."""

PATH_WARMUP: Final = "/_ah/warmup"
PATH_START: Final = "/_ah/start"
PATH_STOP: Final = "/_ah/stop"
"""What an instance is asked at its start and at its end."""

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

RESETS_AT_ONCE: Final = 16
"""Connections of slow readers that are ended in one go, and the pause to the next."""

RESET_PAUSE_SECONDS: Final = 0.002

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

# --- HTTP -----------------------------------------------------------------------------

MAXIMUM_BODY_BYTES: Final = 32 << 20
"""App Engine's own bound on requests."""

BODY_SECONDS: Final = 30.0
"""Longest wait for the next piece of a body."""

MAXIMUM_BOUNDARY_LENGTH: Final = 70
"""Characters (RFC 2046, 5.1.1)."""

RESPONSE_PIECES: Final = 8
"""Pieces of a streamed response that may wait for the reader."""

# --- Login (contract 7.5, 7.6) --------------------------------------------------------

LOGIN_COOKIE: Final = "dev_appserver_login"
AUTH_DOMAIN: Final = "gmail.com"
MAXIMUM_EMAIL_LENGTH: Final = 254
"""Characters (RFC 5321 4.5.3.1.3 and its erratum 1690)."""

# --- The store ------------------------------------------------------------------------

# --- Files of an app ------------------------------------------------------------------

STORE_MAXIMUM_INDEX_ROWS: Final = 20_000
"""Rows of all indexes together that one entity may have (Cloud Datastore, "Limits")."""

TRANSACTION_SECONDS: Final = 270.0
"""How long a datastore transaction may be open (Cloud Datastore, "Limits")."""

QUERY_BATCH_BYTES: Final = 2_000_000
"""Bytes of entities after which an answer ends (SDK, _MAXIMUM_QUERY_RESULT_BYTES)."""

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

MAXIMUM_UPLOAD_NAME_LENGTH: Final = 500
"""Characters of a file's name or content type (blob_upload._MAX_STRING_NAME_LENGTH)."""

# --- Mail -----------------------------------------------------------------------------

# --- Doctor ---------------------------------------------------------------------------

# --- Logs -----------------------------------------------------------------------------
