"""Tests of reading the small hostile files; `make soak` reads all of them and measures time and memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monet.pictures import OWN_FORMATS, PictureError, read
from tests.hostile_files import HTML, SVG, broken, ordinary


def picture_or_sentence(content: bytes) -> bool:
    """Returns whether the file is read as a picture."""
    try:
        picture = read(content, formats=OWN_FORMATS)
    except PictureError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message and len(message) < 180
        return False
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    return True


@pytest.mark.filterwarnings("ignore")  # Pillow warns of broken EXIF and of large headers
def test_broken_files_are_pictures_or_sentences() -> None:
    assert all(picture_or_sentence(content) for content in ordinary().values())
    read_or_refused = [picture_or_sentence(content) for _, content in broken(seed=2)]
    assert len(read_or_refused) > 300 and 50 < sum(read_or_refused) < 300


def test_what_a_browser_would_run_is_no_picture() -> None:
    assert not any(picture_or_sentence(content) for content in (SVG, HTML, HTML + ordinary()["png"]))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, database=None)
@given(
    st.sampled_from(sorted(ordinary().values())),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=5)), max_size=6),
)
@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_pictures_or_sentences(content: bytes, changes: list[tuple[int, bytes]]) -> None:
    for at, new in changes:
        at %= len(content)
        content = content[:at] + new + content[at + len(new) :]
    picture_or_sentence(content)
