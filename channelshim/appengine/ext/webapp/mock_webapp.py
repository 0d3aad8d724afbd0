"""google.appengine.ext.webapp.mock_webapp: request and response for handlers' tests.

Source: SDK 1.9.88, ext/webapp/mock_webapp.py, for names and defaults.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

__all__ = ["MockHeaders", "MockRequest", "MockResponse"]


class MockHeaders(dict[str, str]):
    """Headers by their names, as they are written."""

    def add_header(self, key: str, value: str) -> None:
        """Set a header."""
        self[key] = value


class MockRequest:
    """A request whose parameters a test sets."""

    def __init__(self) -> None:
        self.method: str = "GET"
        self.scheme: str = "http"
        self.host: str = "foo.com"
        self.params: dict[str, Any] = {}
        self.headers: MockHeaders = MockHeaders()
        self.body: str = ""
        self.environ: dict[str, Any] = {}
        self.remote_addr: str = "10.0.0.1"
        self.path: str = "/start"

    @property
    def query_string(self) -> str:
        """Return the parameters, quoted."""
        return urlencode(self.params, doseq=True)

    @property
    def path_qs(self) -> str:
        """Return the path with its parameters."""
        query = self.query_string
        return f"{self.path}?{query}" if query else self.path

    @property
    def url(self) -> str:
        """Return the whole address."""
        return f"{self.scheme}://{self.host}{self.path_qs}"

    uri = url

    @property
    def path_url(self) -> str:
        """Return the address without its parameters."""
        return f"{self.scheme}://{self.host}{self.path}"

    def set_url(self, url: str) -> None:
        """Take path and parameters, and perhaps scheme and host, of an address."""
        parts = urlsplit(url)
        self.scheme = parts.scheme or self.scheme
        self.host = parts.netloc or self.host
        self.path = parts.path
        for name, values in parse_qs(parts.query).items():
            self.set(name, values[0])

    def set(self, argument_name: str, value: Any) -> None:
        """Set a parameter; a list for one that comes several times."""
        self.params[argument_name] = value

    def get_all(self, argument_name: str) -> list[Any]:
        """Return every value of a parameter."""
        value = self.params.get(argument_name, [])
        return list(value) if isinstance(value, list) else [value]

    def get(
        self, argument_name: str, default_value: Any = "", allow_multiple: bool = False
    ) -> Any:
        """Return the first value of a parameter, or all of them."""
        values = self.get_all(argument_name)
        if allow_multiple:
            return values
        return values[0] if values else default_value

    def get_range(
        self,
        name: str,
        min_value: int | None = None,
        max_value: int | None = None,
        default: Any = 0,
    ) -> Any:
        """Return a parameter as a number within bounds."""
        value = self.get(name, default)
        if value is None:
            return value
        try:
            value = int(value)
        except ValueError:
            value = default
        if value is not None and max_value is not None:
            value = min(value, max_value)
        if value is not None and min_value is not None:
            value = max(value, min_value)
        return value

    def arguments(self) -> list[str]:
        """Return the names of the parameters."""
        return list(self.params)


class MockResponse:
    """A response that a test looks at."""

    def __init__(self) -> None:
        self.headers: MockHeaders = MockHeaders()
        self.out: io.StringIO = io.StringIO()
        self.status: int | str = 200
        self.status_message: str = "OK"

    def set_status(self, status: int, message: str | None = None) -> None:
        """Set status and reason."""
        self.status = status
        self.status_message = message or self.status_message

    def clear(self) -> None:
        """Forget what was written."""
        self.out.seek(0)
        self.out.truncate(0)

    def has_error(self) -> bool:
        """Return whether the status is another than 200."""
        return self.status != 200
