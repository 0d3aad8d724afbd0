"""The facts of Google's contract and of RFCs: numbers, paths, replies and sources.

A constant that only tunes one of our modules stands in that module; see
tests/test_limits.py. "SDK" is Google's App Engine SDK 1.9.88, paths under
google/appengine/. ``D`` numbers are in docs/explanation/differences.md.
"""

from __future__ import annotations

from typing import Final

# --- The Channel API ------------------------------------------------------------------

MAXIMUM_CLIENT_ID_LENGTH: Final = 256
"""Bytes of a client id as UTF-8.

Source: SDK, api/channel/channel.py, MAXIMUM_CLIENT_ID_LENGTH.
"""

MAXIMUM_MESSAGE_LENGTH: Final = 32767
"""Bytes of a message as UTF-8. The original's error says "chars" but counts bytes.

Source: SDK, api/channel/channel.py, MAXIMUM_MESSAGE_LENGTH.
"""

MAXIMUM_TOKEN_DURATION_MINUTES: Final = 24 * 60
"""The longest life of a token.

Source: SDK, api/channel/channel.py, MAXIMUM_TOKEN_DURATION_MINUTES.
"""

DEFAULT_TOKEN_MINUTES: Final = 120
"""The life of a token for which create_channel gets no duration.

Source: SDK, api/channel/channel_service_stub.py, CHANNEL_TOKEN_DEFAULT_DURATION.
"""

DESCRIPTION_INVALID_TOKEN: Final = "Invalid+token."
"""What a page's onerror gets for a token that was altered or made up.

Source: SDK, tools/devappserver2/channel.py, INVALID_TOKEN_STATUS.
"""

DESCRIPTION_TOKEN_EXPIRED: Final = "Token+timed+out."
"""What a page's onerror gets when its token's minutes are over.

Source: SDK, tools/devappserver2/channel.py, TOKEN_TIMED_OUT_STATUS.
"""

PREFIX_CHANNEL: Final = "/_ah/channel/"
"""Where all paths of the Channel API begin.

Source: SDK, tools/devappserver2/channel.py, CHANNEL_URL_PATTERN.
"""

PATH_JSAPI: Final = "/_ah/channel/jsapi"
"""The JavaScript API.

Source: SDK, tools/devappserver2/channel.py, CHANNEL_URL_PATTERN.
"""

PATH_DEV: Final = "/_ah/channel/dev"
"""The development server's own wire: commands connect and poll.

Source: SDK, tools/devappserver2/channel.py, CHANNEL_URL_PATTERN.
"""

# --- WebSocket close codes ------------------------------------------------------------

CLOSE_NORMAL: Final = 1000
"""Normal closure (RFC 6455 7.4.1)."""

CLOSE_PROTOCOL_ERROR: Final = 1002
"""Protocol error (RFC 6455 7.4.1)."""

CLOSE_POLICY: Final = 1008
"""Policy violation (RFC 6455 7.4.1): the page sends more than it may."""

CLOSE_TOO_BIG: Final = 1009
"""Message too big (RFC 6455 7.4.1)."""

CLOSE_INTERNAL_ERROR: Final = 1011
"""The server cannot go on with this page (RFC 6455 7.4.1)."""

CLOSE_COME_BACK: Final = 1012
"""Service restart (IANA registry of RFC 6455 11.7): the page reconnects and resumes."""

CLOSE_TOO_MANY: Final = 1013
"""Try again later (IANA registry of RFC 6455 11.7): the page retries at its slowest
pace."""

CLOSE_TOKEN_REFUSED: Final = 4401
"""Private-use range (RFC 6455 7.4.2): 4000 + HTTP 401."""

# --- Presence -------------------------------------------------------------------------

GRACE_SECONDS: Final = 2.0
"""How long a client id may be gone before it counts as disconnected.

Source: SDK, api/channel/channel_service_stub.py, CHANNEL_TIMEOUT_SECONDS.
"""

PATH_CONNECTED: Final = "/_ah/channel/connected/"
"""Where the app is told of a client id that connects.

Source: SDK, api/channel/channel_service_stub.py, connect_channel.
"""

PATH_DISCONNECTED: Final = "/_ah/channel/disconnected/"
"""Where the app is told of a client id that is gone.

Source: SDK, api/channel/channel_service_stub.py, disconnect_channel.
"""

PRESENCE_DEADLINE_SECONDS: Final = 60.0
"""App Engine ended a request after a minute. Here a presence handler runs on, but the
others no longer wait for it.

Source: SDK, runtime/__init__.py, DeadlineExceededError; App Engine documentation,
"How requests are handled".
"""

# --- Internal requests: apps check the address they come from -------------------------

PRESENCE_REMOTE_ADDRESS: Final = "0.1.0.10"
"""REMOTE_ADDR of presence requests.

Source: SDK, api/channel/channel_service_stub.py, XMPP_PUBLIC_IP.
"""

TASK_REMOTE_ADDRESS: Final = "0.1.0.2"
"""REMOTE_ADDR of push tasks.

Source: SDK, api/taskqueue/taskqueue_stub.py.
"""

CRON_REMOTE_ADDRESS: Final = "0.1.0.1"
"""REMOTE_ADDR of cron jobs.

Source: SDK, tools/devappserver2/admin/cron_handler.py, REMOTE_IP.
"""

MAIL_REMOTE_ADDRESS: Final = "0.1.0.20"
"""REMOTE_ADDR of incoming mails.

Source: SDK, tools/devappserver2/admin/mail_request_handler.py.
"""

INSTANCE_REMOTE_ADDRESS: Final = "0.1.0.3"
"""REMOTE_ADDR of /_ah/start, /_ah/warmup and /_ah/stop.

Source: SDK, tools/devappserver2/module.py.
"""

PATH_WARMUP: Final = "/_ah/warmup"
"""Asked of an instance before its first request, if app.yaml wants it.

Source: SDK, tools/devappserver2/module.py.
"""

PATH_START: Final = "/_ah/start"
"""Asked of a manually scaled instance at its start.

Source: SDK, tools/devappserver2/module.py.
"""

PATH_STOP: Final = "/_ah/stop"
"""Asked of a manually scaled instance at its end.

Source: SDK, tools/devappserver2/module.py.
"""

# --- HTTP -----------------------------------------------------------------------------

MAXIMUM_BODY_BYTES: Final = 32 << 20
"""The longest body of a request.

Source: App Engine documentation, "Quotas and limits", request size.
"""

MAXIMUM_BOUNDARY_LENGTH: Final = 70
"""Characters of a multipart form's boundary (RFC 2046 5.1.1)."""

# --- Login ----------------------------------------------------------------------------

PATH_LOGIN: Final = "/_ah/login"
"""The login page.

Source: SDK, tools/devappserver2/login.py, LOGIN_URL_RELATIVE.
"""

PATH_LOGOUT: Final = "/_ah/logout"
"""The logout page.

Source: SDK, tools/devappserver2/login.py, LOGOUT_URL_RELATIVE.
"""

LOGIN_COOKIE: Final = "dev_appserver_login"
"""Name of the cookie that says who is logged in.

Source: SDK, tools/devappserver2/login.py, _COOKIE_NAME.
Differs: D8.
"""

AUTH_DOMAIN: Final = "gmail.com"
"""The auth domain of every user.

Source: SDK, tools/devappserver2/cli_parser.py, --auth_domain.
"""

MAXIMUM_EMAIL_LENGTH: Final = 254
"""Characters (RFC 5321 4.5.3.1.3 and its erratum 1690)."""

# --- The datastore --------------------------------------------------------------------

STORE_MAXIMUM_INDEX_ROWS: Final = 20_000
"""Rows of all indexes together that one entity may have.

Source: Cloud Datastore documentation, "Limits".
"""

TRANSACTION_SECONDS: Final = 270.0
"""How long a datastore transaction may be open.

Source: Cloud Datastore documentation, "Limits".
"""

QUERY_BATCH_BYTES: Final = 2_000_000
"""Bytes of entities after which one answer to a query ends.

Source: SDK, datastore/datastore_stub_util.py, _MAXIMUM_QUERY_RESULT_BYTES.
"""

# --- Task queues and cron -------------------------------------------------------------

MAXIMUM_TASK_BYTES: Final = 100 << 10
"""Of one push task.

Source: SDK, api/taskqueue/taskqueue.py, MAX_PUSH_TASK_SIZE_BYTES.
"""

MAXIMUM_PULL_TASK_BYTES: Final = 1 << 20
"""Of one pull task.

Source: SDK, api/taskqueue/taskqueue.py, MAX_PULL_TASK_SIZE_BYTES.
"""

MAXIMUM_TASK_TAG_BYTES: Final = 500
"""Of a pull task's tag.

Source: SDK, api/taskqueue/taskqueue.py, MAX_TAG_LENGTH.
"""

MAXIMUM_TASK_ETA_SECONDS: Final = 30 * 86400
"""How far ahead an eta may be.

Source: SDK, api/taskqueue/taskqueue_stub.py, MAX_ETA.
"""

TASK_TOMBSTONE_SECONDS: Final = 9 * 86400.0
"""How long the name of a task that has run or was deleted stays taken.

Source: App Engine documentation, "Using push queues", task names: about nine days.
"""

TASK_DEADLINE_SECONDS: Final = 10 * 60.0
"""App Engine ended a task after 10 minutes. Here it runs on, but no other task waits
for it.

Source: App Engine documentation, "Task deadlines".
"""

MAXIMUM_CRON_RETRIES: Final = 5
"""Of a failed job before its next run.

Source: App Engine documentation, cron.yaml reference, job_retry_limit.
"""

# --- Blobs and images -----------------------------------------------------------------

PREFIX_UPLOAD: Final = "/_ah/upload/"
"""Where forms of blobstore.create_upload_url are sent.

Source: SDK, api/blobstore/blobstore_stub.py, uploader_path.
"""

PREFIX_IMAGE: Final = "/_ah/img/"
"""Where images.get_serving_url points.

Source: SDK, tools/devappserver2/blob_image.py, BLOBIMAGE_URL_PATTERN.
"""

MAXIMUM_SERVED_IMAGE_SIDE: Final = 1600
"""Pixels.

Source: SDK, tools/devappserver2/blob_image.py, _SIZE_LIMIT.
"""

MAXIMUM_IMAGE_PIXELS: Final = 50_000_000
"""Of an image that is resized.

Source: App Engine documentation, "Images", quotas and limits.
"""

MAXIMUM_UPLOAD_NAME_LENGTH: Final = 500
"""Characters of a file's name or content type.

Source: SDK, tools/devappserver2/blob_upload.py, _MAX_STRING_NAME_LENGTH.
"""
