"""Where artifacts are: upstream may say so, within bounds."""

import pytest

from syncer.errors import IndexRejectedError
from syncer.upstream.location import artifact_urls, folder_url

HTTP, FOLDER = "https://up/c", "file:///mnt/c"


@pytest.mark.parametrize(
    ("base", "relative", "expected"),
    [
        (HTTP, None, "https://up/c/noarch/"),
        (HTTP, "", "https://up/c/noarch/"),
        (HTTP, "./shards/", "https://up/c/noarch/shards/"),
        (HTTP, "//cdn/x", "https://cdn/x/"),
        (HTTP, "http://cdn:8080/x", "http://cdn:8080/x/"),
        ("https://u:p@up/c", "../x", "https://u:p@up/c/x/"),
        ("https://up/t/secret/c", "../x", "https://up/t/secret/c/x/"),
        (FOLDER, "shards", "file:///mnt/c/noarch/shards/"),
        (FOLDER, "../files", "file:///mnt/c/files/"),
        (FOLDER, "https://cdn/x", "file:///mnt/c/noarch/"),
    ],
)
def test_what_is_allowed(base: str, relative: str | None, expected: str) -> None:
    assert folder_url(base, "noarch", relative) == expected


@pytest.mark.parametrize("base", [HTTP, FOLDER])
@pytest.mark.parametrize(
    ("relative", "problem"),
    [
        ("file:///etc", "not http or https"),
        ("FILE:///etc", "not http or https"),
        ("ftp://cdn/x", "not http or https"),
        ("javascript:x", "not http or https"),
        ("https://u:p@cdn/x", "credentials"),
        ("//u@cdn/x", "credentials"),
        ("https://cdn/x?y=1", "'[?]' or '#'"),
        ("https://cdn:x/", "no URL"),
        ("https://[cdn/", "no URL"),
        ("a b", "no URL"),
        ("a\nb", "no URL"),
        ("\\\\host\\share", "no URL"),
    ],
)
def test_what_is_refused(base: str, relative: str, problem: str) -> None:
    with pytest.raises(IndexRejectedError, match=problem) as caught:
        folder_url(base, "noarch", relative)
    assert ":p@" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("relative", ["../../x", "/etc", "//host/x", "%2e%2e/%2e%2e/x", "../.."])
def test_a_folder_is_not_left(relative: str) -> None:
    with pytest.raises(IndexRejectedError, match="out of the folder"):
        folder_url(FOLDER, "noarch", relative)


def test_the_index_s_own_word_comes_first_and_the_others_follow() -> None:
    bases = ["https://a/c", "https://b/c", "file:///c"]
    assert artifact_urls(bases, "https://b/c", "noarch", "x-1-0.conda", "https://cdn/c") == (
        "https://cdn/c/x-1-0.conda",
        "https://a/c/noarch/x-1-0.conda",
        "file:///c/noarch/x-1-0.conda",
    )
