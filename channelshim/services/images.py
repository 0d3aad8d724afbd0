"""The service `images`: Google's stub, which works on Pillow."""

from __future__ import annotations

from typing import Any

from channelshim.services.user import RequestInfo


def make_images_service() -> Any:
    """Return the stub; importing what it needs costs 40 MB."""
    from PIL import Image

    # Pillow 10 dropped the old name of the filter, which the SDK's stub uses.
    if not hasattr(Image, "ANTIALIAS"):
        Image.ANTIALIAS = Image.Resampling.LANCZOS  # type: ignore[attr-defined]
    from google.appengine.api.images import images_stub

    class ImagesService(images_stub.ImagesServiceStub):  # type: ignore[misc]
        """Google's, corrected: it gives addresses without the server's name, and cuts
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
