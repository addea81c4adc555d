"""How the API server of the tests is got leaves the machine's apt as it is; nothing is fetched here."""

from __future__ import annotations

import pytest

from tests.kube_install import deb_src

ONE_LINE = "# deb-src of old\ndeb [signed-by=/k.gpg] http://mirror/debian bookworm main\n"
STANZAS = "Types: deb\nURIs: http://mirror/debian\n\n# Types: none\nTypes: deb deb-src\nURIs: http://mirror/security\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (ONE_LINE, f"{ONE_LINE}deb-src [signed-by=/k.gpg] http://mirror/debian bookworm main\n"),
        (STANZAS, STANZAS.replace("Types: deb\n", "Types: deb deb-src\n")),
    ],
    ids=["one line", "stanzas"],
)
def test_a_list_of_sources_gets_the_source_packages_too(text: str, wanted: str) -> None:
    assert deb_src(text) == wanted
