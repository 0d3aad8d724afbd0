"""The images service: Google's stub, mended for today's Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.appengine.api import apiproxy_stub_map

from channelshim import limits
from channelshim.runtime.environment import RequestScope
from tests.service_needs import install_services
from tests.services.test_serving_images import icon


@pytest.fixture(autouse=True)
def services(tmp_path: Path) -> Iterator[None]:
    before = apiproxy_stub_map.apiproxy
    install_services(tmp_path)
    yield
    apiproxy_stub_map.apiproxy = before


def in_request(call: Callable[[], Any]) -> Any:
    return RequestScope({"APPLICATION_ID": "dev~test"}).run(call)


def picture() -> bytes:
    """Return an image, 20 by 10, whose upper left quarter is red, the rest blue."""
    from PIL import Image

    made = Image.new("RGB", (20, 10), "blue")
    made.paste("red", (0, 0, 10, 5))
    data = io.BytesIO()
    made.save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("change", "size", "red"),
    [
        ("resize(data, width=10)", (10, 5), (2, 1)),
        ("resize(data, 40, 20, output_encoding=images.JPEG)", (40, 20), (5, 2)),
        ("crop(data, 0.0, 0.0, 0.5, 0.5)", (10, 5), (9, 4)),
        ("rotate(data, 90)", (10, 20), (9, 0)),
        ("rotate(data, 180)", (20, 10), (19, 9)),
        ("rotate(data, 270)", (10, 20), (0, 19)),
        ("horizontal_flip(data)", (20, 10), (19, 0)),
        ("vertical_flip(data)", (20, 10), (0, 9)),
        ("im_feeling_lucky(data)", (20, 10), (0, 0)),
        ("composite([(data, 5, 5, 1.0, images.TOP_LEFT)], 30, 30)", (30, 30), (6, 6)),
    ],
)
def test_image_is_changed(
    change: str, size: tuple[int, int], red: tuple[int, int]
) -> None:
    from google.appengine.api import images
    from PIL import Image

    names = {"images": images, "data": picture()}
    made = in_request(lambda: eval(f"images.{change}", names))
    opened = Image.open(io.BytesIO(made)).convert("RGB")
    assert opened.size == size
    level = opened.getpixel(red)
    assert isinstance(level, tuple)
    assert level[0] > 200
    assert level[2] < 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_set_upright_and_stays_whole(orientation: int) -> None:
    from google.appengine.api import images
    from PIL import Image, ImageOps

    made = Image.new("RGB", (40, 20), "red")
    made.paste("blue", (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = io.BytesIO()
    made.save(photo, "JPEG", exif=exif, quality=95)

    def use() -> bytes:
        image = images.Image(photo.getvalue())
        image.set_correct_orientation(images.CORRECT_ORIENTATION)
        image.rotate(0)
        return image.execute_transforms(output_encoding=images.PNG)

    def look(image: Any) -> tuple[Any, ...]:
        width, height = image.size
        corners = [(2, 2), (width - 3, height - 3)]
        return image.size, [image.convert("RGB").getpixel(c)[0] > 128 for c in corners]

    upright = ImageOps.exif_transpose(Image.open(photo))
    assert look(Image.open(io.BytesIO(in_request(use)))) == look(upright)


def test_image_tells_its_size_and_is_changed_in_steps() -> None:
    from google.appengine.api import images
    from PIL import Image

    def use() -> tuple[int, int, bytes]:
        image = images.Image(picture())
        image.resize(10, 10, crop_to_fit=True)
        image.rotate(90)
        return image.width, image.height, image.execute_transforms()

    width, height, made = in_request(use)
    assert (width, height) == (20, 10)
    assert Image.open(io.BytesIO(made)).size == (10, 10)
    red, _, blue = in_request(lambda: images.histogram(picture()))
    assert (red[255], blue[255]) == (50, 150)
    with pytest.raises(images.BadImageError):
        in_request(lambda: images.resize(b"no image", 10))


def test_antialias_is_there_for_apps_that_use_pillow_themselves() -> None:
    from PIL import Image

    apiproxy_stub_map.apiproxy.GetStub("images")
    assert Image.ANTIALIAS == Image.Resampling.LANCZOS  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_icon", [False, True])
def test_image_of_too_many_pixels_is_refused(
    monkeypatch: pytest.MonkeyPatch, is_icon: bool
) -> None:
    from google.appengine.api import images

    data = icon(64, is_png=True) if is_icon else picture()
    assert in_request(lambda: images.resize(data, width=10))
    bound = 64 * 64 if is_icon else 20 * 10
    monkeypatch.setattr(limits, "MAXIMUM_IMAGE_PIXELS", bound - 1)
    with pytest.raises(images.LargeImageError):
        in_request(lambda: images.resize(data, width=10))
