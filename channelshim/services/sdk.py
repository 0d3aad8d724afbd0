"""Services that are Google's own stubs, mended where Python 3 has left them behind.

docs/reference/services.md says for each what works and what does not.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from google.appengine.api import apiproxy_stub

from channelshim import limits
from channelshim.services.eager import EagerRPC
from channelshim.services.user import RequestInfo

_logger: Final = logging.getLogger("channelshim.services")


def factories(directory: Path) -> dict[str, Callable[[], Any]]:
    """Return service name to a function that makes its stub, for services.proxy.

    Nothing is imported before a service is first asked for: images alone costs 40 MB.

    Args:
        directory: of the store; blobs, mails and the search index go below it.
    """
    return {
        "app_identity_service": _make_app_identity,
        "blobstore": lambda: _make_blobstore(directory),
        "capability_service": _make_capabilities,
        "images": _make_images,
        "mail": lambda: make_mail_service(directory / "mail"),
        "modules": _make_modules,
        "search": lambda: _make_search(directory),
        "system": SystemService,
        "urlfetch": _make_urlfetch,
    }


def _make_app_identity() -> Any:
    from google.appengine.api.app_identity import app_identity_stub

    return app_identity_stub.AppIdentityServiceStub()


def _make_blobstore(directory: Path) -> Any:
    from channelshim.services.blobstore import BlobstoreService

    return BlobstoreService(directory / "blobs")


def _make_capabilities() -> Any:
    from google.appengine.api.capabilities import capability_stub

    return capability_stub.CapabilityServiceStub()


def _make_images() -> Any:
    from PIL import Image

    # Pillow 10 dropped the old name of the filter, which the SDK's stub uses.
    if not hasattr(Image, "ANTIALIAS"):
        Image.ANTIALIAS = Image.Resampling.LANCZOS  # type: ignore[attr-defined]
    from google.appengine.api.images import images_stub

    class ImagesService(images_stub.ImagesServiceStub):  # type: ignore[misc]
        """Google's, mended: it gives addresses without the server's name, and cuts
        off what a quarter turn puts outside, since Pillow no longer makes room."""

        def _Rotate(self, image: Any, transform: Any) -> Any:
            if transform.rotate < 0 or transform.rotate % 90:
                return super()._Rotate(image, transform)
            return image.rotate(-transform.rotate, expand=True)

        def _Dynamic_GetUrlBase(self, request: Any, response: Any) -> None:
            super()._Dynamic_GetUrlBase(request, response)
            scheme, _, rest = RequestInfo().get_request_url("").partition("://")
            response.url = f"{scheme}://{rest.partition('/')[0]}{response.url}"

    return ImagesService()


def _make_modules() -> Any:
    from google.appengine.api.modules import modules_stub

    return modules_stub.ModulesServiceStub(RequestInfo())


def _make_search(directory: Path) -> Any:
    from google.appengine.api.search import simple_search_stub

    class SearchService(simple_search_stub.SearchServiceStub):  # type: ignore[misc]
        """Google's, which writes its index only when a test asks it to."""

        def _Dynamic_IndexDocument(self, *arguments: Any) -> None:
            super()._Dynamic_IndexDocument(*arguments)
            self.Write()

        def _Dynamic_DeleteDocument(self, *arguments: Any) -> None:
            super()._Dynamic_DeleteDocument(*arguments)
            self.Write()

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SearchService(index_file=str(directory / "search"))


def _make_urlfetch() -> Any:
    from google.appengine.api import urlfetch_stub

    return urlfetch_stub.URLFetchServiceStub()


def make_mail_service(folder: Path) -> Any:
    """Return the stub for the service `mail`: nothing is sent, all can be read.

    Args:
        folder: each mail is written there as a file that mail programs open, the last
            limits.MAILS_KEPT of them.
    """
    from google.appengine.api import mail_stub

    class MailService(mail_stub.MailServiceStub):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._numbers = itertools.count(_last_number(folder) + 1)
            self._writing = threading.Lock()
            self._cached_messages: Any = []

        def _CacheMessage(self, message: Any) -> None:
            with self._writing:
                kept = deque([*self._cached_messages, message], limits.MAILS_KEPT)
                self._cached_messages = list(kept)
                _write_mail(folder, next(self._numbers), message)

    return MailService()


def _last_number(folder: Path) -> int:
    names = [path.stem for path in folder.glob("*.eml")]
    return max((int(name) for name in names if name.isdigit()), default=0)


def _write_mail(folder: Path, number: int, message: Any) -> None:
    path = folder / f"{number:06d}.eml"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(message.to_mime_message().as_bytes())
        (folder / f"{number - limits.MAILS_KEPT:06d}.eml").unlink(missing_ok=True)
    except OSError as error:
        _logger.warning("a mail could not be kept: %s", error)
    else:
        _logger.info("a mail was not sent but kept as %s", path)


class SystemService(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """The stub for the service `system`: background threads."""

    def __init__(self) -> None:
        super().__init__("system")
        self._numbers = itertools.count(1)

    def CreateRPC(self) -> EagerRPC:
        """Return a call that runs at once, in the caller's thread."""
        return EagerRPC(stub=self)

    def _Dynamic_StartBackgroundRequest(self, _request: Any, response: Any) -> None:
        """Start the thread in which the SDK will run what the app asked for.

        Google made a request to /_ah/background for it; here it is a thread that has
        the environment of the request which starts it.
        """
        from google.appengine.runtime import background

        request_id = f"background-{next(self._numbers)}"
        response.request_id = request_id
        # It waits there for the function, which the SDK enqueues when we return.
        run = background._pending_background_threads.RunBackgroundThread
        threading.Thread(target=run, args=(request_id,), daemon=True).start()
