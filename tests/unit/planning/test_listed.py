"""Which name a MatchSpec is of: what is read of a ledger goes by it."""

import pytest

from syncer.planning.listed import name_in


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("numpy", "numpy"),
        (" numpy >=1.20,<2", "numpy"),
        ("numpy=1.*", "numpy"),
        ("NumPy", "numpy"),
        ("conda-forge::numpy==2", "numpy"),
        ("conda-forge/linux-64::ca-certificates", "ca-certificates"),
        ("numpy[version='>=2']", "numpy"),
        ("numpy; if python <3.12", "numpy"),
        ("numpy!=2", "numpy"),
        ("__glibc >=2.17", "__glibc"),
        ("libstdc++", "libstdc"),
        ("lib*", None),
        ("*", None),
        ("^lib.*$", None),
        ("", None),
        ("[build=x]", None),
    ],
)
def test_the_name(spec: str, name: str | None) -> None:
    assert name_in(spec) == name
