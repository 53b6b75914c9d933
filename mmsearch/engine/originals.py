"""Where a catalogued file really lies, whether it may be shown, and its bytes as indexed."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.scopes import real_path
from mmsearch.engine.status import media_by_id
from mmsearch.errors import MediaError
from mmsearch.runtime.presence import folder_is_there, look_up

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.media.limits import DecodeLimits
    from mmsearch.types import MediaRecord


def original_path(catalogue: Catalogue, media_id: int) -> Path:
    """The real path of a catalogued file, links resolved, at or below an indexed folder.

    A link that leads out of all indexed folders is not followed: whoever can plant one in a
    folder must not get at the rest of the disk through a server.

    Raises:
        QueryError: There is no such file in the catalogue.
        MediaError: It is gone, its folder is offline, or it lies elsewhere through a link.
    """
    media = media_by_id(catalogue, media_id)
    roots = [root.path for root in catalogue.roots()]
    own = next((root for root in roots if media.path.is_relative_to(root)), None)
    if own is None or not folder_is_there(own):
        raise MediaError(f"{media.path} is offline: its folder is not there now")
    real = real_path(media.path)
    try:
        info = look_up(real)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise MediaError(f"{media.path} cannot be read: {reason}") from exc
    if info is None:
        raise MediaError(f"{media.path} is gone: index its folder again")
    if not any(real.is_relative_to(real_path(root)) for root in roots):
        raise MediaError(f"{media.path} is a link out of the indexed folders: index {real.parent}")
    if not stat.S_ISREG(info.st_mode):
        raise MediaError(f"{media.path} is no file any more: index its folder again")
    return real


def indexed_bytes(media: MediaRecord, limits: DecodeLimits) -> bytes:
    """The bytes of a catalogued file, which are those it was indexed with.

    Raises:
        MediaError: It cannot be read, or holds something else by now.
    """
    from mmsearch.media.digest import digest_bytes
    from mmsearch.media.limits import read_file

    data = read_file(media.path, limits).data
    if digest_bytes(data) != media.digest:
        raise MediaError("it has changed since it was indexed")
    return data
