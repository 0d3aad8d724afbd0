"""rfc822: mail headers, as the oldest programs read them."""

from __future__ import annotations

import email.utils
import time
from email.utils import mktime_tz as mktime_tz
from email.utils import parsedate, parsedate_tz
from email.utils import quote as quote
from email.utils import unquote as unquote
from typing import Any

from channelshim.python27.strings import to_text

__all__ = [
    *("Message", "AddressList", "parsedate", "parsedate_tz", "mktime_tz", "quote"),
    *("unquote", "parseaddr", "formatdate", "dump_address_pair"),
]


def parseaddr(address: Any) -> tuple[Any, Any]:
    """Return an address's name and mailbox."""
    found = email.utils.parseaddr(to_text(address))
    return found if found != ("", "") else (None, None)


def dump_address_pair(pair: Any) -> str:
    """Return a name and a mailbox as an address."""
    return f'"{pair[0]}" <{pair[1]}>' if pair[0] else str(pair[1])


def formatdate(timeval: Any = None) -> str:
    """Return a time as mails write it."""
    return email.utils.formatdate(
        time.time() if timeval is None else timeval, usegmt=True
    )


class AddressList:
    """Addresses, as pairs of names and mailboxes."""

    def __init__(self, field: Any) -> None:
        self.field = field
        self.addresslist: list[Any] = (
            [] if not field else email.utils.getaddresses([to_text(field)])
        )

    def __len__(self) -> int:
        return len(self.addresslist)

    def __str__(self) -> str:
        return ", ".join(map(dump_address_pair, self.addresslist))

    def __getitem__(self, index: Any) -> Any:
        return self.addresslist[index]

    def __add__(self, other: Any) -> AddressList:
        made = AddressList(None)
        made.addresslist = self.addresslist + [
            pair for pair in other.addresslist if pair not in self.addresslist
        ]
        return made

    def __sub__(self, other: Any) -> AddressList:
        made = AddressList(None)
        made.addresslist = [
            pair for pair in self.addresslist if pair not in other.addresslist
        ]
        return made


class Message:
    """The headers at the beginning of a file."""

    def __init__(self, fp: Any, seekable: Any = 1) -> None:
        if seekable == 1:
            try:
                fp.tell()
            except (AttributeError, OSError):
                seekable = 0
        self.fp: Any = fp
        self.seekable: Any = seekable
        self.startofheaders: int | None = None
        self.startofbody: int | None = None
        if seekable:
            self.startofheaders = fp.tell()
        self.dict: dict[str, str] = {}
        self.headers: list[Any] = []
        self.unixfrom: str = ""
        self.status: str = ""
        self._read()
        if seekable:
            self.startofbody = fp.tell()

    def _read(self) -> None:
        name = ""
        while line := self.fp.readline():
            text = to_text(line)
            if not self.headers and text.startswith("From "):
                self.unixfrom += text
                continue
            if name and text[0] in " \t":
                self.headers.append(line)
                self.dict[name] += "\n " + text.strip()
                continue
            if self.iscomment(text):
                continue
            if self.islast(text):
                break
            found = self.isheader(text)
            if found:
                name = found
                self.headers.append(line)
                self.dict[name] = text[len(name) + 1 :].strip()
                continue
            self.status = (
                "Non-header line where header expected" if self.dict else "No headers"
            )
            if self.seekable:
                self.fp.seek(-len(line), 1)
            break
        else:
            self.status = "EOF in headers"

    def isheader(self, line: Any) -> Any:
        """Return a header line's name in small letters."""
        name, colon, _ = line.partition(":")
        if not colon or not name or name != name.strip() or " " in name:
            return None
        return name.lower()

    def islast(self, line: Any) -> bool:
        """Tell whether a line ends the headers."""
        return line in ("\r\n", "\n")

    def iscomment(self, line: Any) -> bool:
        """Tell whether a line is to be left out."""
        return False

    def rewindbody(self) -> None:
        """Go to the beginning of the body."""
        if not self.seekable:
            raise OSError("unseekable file")
        self.fp.seek(self.startofbody)

    def getallmatchingheaders(self, name: Any) -> list[Any]:
        """Return the lines of all headers of a name."""
        found, takes = [], False
        for line in self.headers:
            if line[:1] not in (" ", "\t"):
                takes = to_text(line).lower().startswith(f"{name.lower()}:")
            if takes:
                found.append(line)
        return found

    def getfirstmatchingheader(self, name: Any) -> list[Any]:
        """Return the lines of the first header of a name."""
        lines = self.getallmatchingheaders(name)
        return [
            line
            for number, line in enumerate(lines)
            if number == 0
            or (
                line[:1] in (" ", "\t")
                and all(each[:1] in (" ", "\t") for each in lines[1 : number + 1])
            )
        ]

    def getrawheader(self, name: Any) -> Any:
        """Return the first header's text as it stands."""
        lines = self.getfirstmatchingheader(name)
        if not lines:
            return None
        first = lines[0][len(name) + 1 :]
        return "".join([first, *lines[1:]])

    def getheader(self, name: Any, default: Any = None) -> Any:
        """Return a header."""
        return self.dict.get(name.lower(), default)

    get = getheader

    def getheaders(self, name: Any) -> list[Any]:
        """Return all headers of a name."""
        found: list[Any] = []
        for line in self.getallmatchingheaders(name):
            if line[:1] in (" ", "\t") and found:
                found[-1] = f"{found[-1]}\n {line.strip()}"
            else:
                found.append(line[len(name) + 1 :].strip())
        return found

    def get_all(self, name: Any, failobj: Any = None) -> Any:
        """Return all headers of a name, as Python 3's messages do."""
        return self.getheaders(name) or failobj

    def getaddr(self, name: Any) -> tuple[Any, Any]:
        """Return the first address of a header."""
        addresses = self.getaddrlist(name)
        return addresses[0] if addresses else (None, None)

    def getaddrlist(self, name: Any) -> list[Any]:
        """Return the addresses of all headers of a name."""
        return email.utils.getaddresses(self.getheaders(name))

    def getdate(self, name: Any) -> Any:
        """Return a header's date."""
        return parsedate(self[name]) if name in self else None

    def getdate_tz(self, name: Any) -> Any:
        """Return a header's date with its zone."""
        return parsedate_tz(self[name]) if name in self else None

    def __len__(self) -> int:
        return len(self.dict)

    def __getitem__(self, name: Any) -> str:
        return self.dict[name.lower()]

    def __setitem__(self, name: Any, value: Any) -> None:
        del self[name]
        self.dict[name.lower()] = value
        self.headers += [f"{line}\n" for line in f"{name}: {value}".split("\n")]

    def __delitem__(self, name: Any) -> None:
        if name.lower() not in self.dict:
            return
        del self.dict[name.lower()]
        gone = self.getallmatchingheaders(name)
        self.headers = [line for line in self.headers if line not in gone]

    def setdefault(self, name: Any, default: Any = "") -> Any:
        """Return a header, set first if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]

    def has_key(self, name: Any) -> bool:
        """Tell whether there is a header."""
        return name.lower() in self.dict

    def __contains__(self, name: Any) -> bool:
        return name.lower() in self.dict

    def __iter__(self) -> Any:
        return iter(self.dict)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self.dict)

    def values(self) -> list[str]:
        """Return the headers."""
        return list(self.dict.values())

    def items(self) -> list[tuple[str, str]]:
        """Return names and headers."""
        return list(self.dict.items())

    def __str__(self) -> str:
        return "".join(map(to_text, self.headers))
