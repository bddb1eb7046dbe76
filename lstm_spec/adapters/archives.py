"""How much room a file takes that is unpacked."""

import zipfile

LARGEST, MOST = 256 << 20, 20  # bytes that any file may unpack to; times its size, that a larger one may


def check_unpacked(size: int, stored: int) -> None:
    """Raise ValueError if so many bytes are stored in hardly any."""
    if size > max(LARGEST, MOST * stored):
        raise ValueError(
            f"it unpacks {stored:,} bytes to {size:,}, expected at most {MOST} times as many; write it without"
            " compression"
        )


def check_members(archive: zipfile.ZipFile) -> None:
    """Raise ValueError as `check_unpacked` for a zip."""
    members = archive.infolist()
    check_unpacked(sum(one.file_size for one in members), sum(one.compress_size for one in members))
